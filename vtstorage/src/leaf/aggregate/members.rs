//! The rows of a source that count, by their place among each other: what is known of each of them takes no room for
//! the rows between.

use crate::engine::rows::{LoadedRows, RankedRows, RowSet};

/// Rows by place: the first is 0.
pub(super) struct Members<'q> {
    pub(super) rows: &'q RowSet,
    /// Number of rows
    pub(super) len: usize,
    /// Rows before each word of the set; none where all rows are members, so that rows are their places
    before: Vec<u32>,
}

impl<'q> Members<'q> {
    pub(super) fn new(rows: &'q RowSet) -> Self {
        let len = rows.count() as usize;
        let before = if len == rows.rows() as usize {
            Vec::new()
        } else {
            rows.before_words()
        };
        Self { rows, len, before }
    }

    /// The place of a row, if it counts.
    #[inline]
    fn place(&self, row: u32) -> Option<usize> {
        let word = row / 64;
        let before = *self.before.get(word as usize)?;
        self.rows.rank_in_word(row).map(|rank| (before + rank) as usize)
    }

    /// Calls `visit` with each value of a row that counts, and the row's place.
    #[inline]
    pub(super) fn each<T>(&self, rows: &LoadedRows, values: &[T], mut visit: impl FnMut(usize, &T)) {
        match (rows, self.before.is_empty()) {
            (LoadedRows::Dense { start }, true) => (*start as usize..).zip(values).for_each(|(row, v)| visit(row, v)),
            (LoadedRows::Sparse(rows), true) => rows.iter().zip(values).for_each(|(row, v)| visit(*row as usize, v)),
            (LoadedRows::Dense { start }, false) => self.each_of_dense(*start, values, visit),
            (LoadedRows::Set(rows), true) => {
                rows.rows()
                    .iter()
                    .zip(values)
                    .for_each(|(row, v)| visit(row as usize, v));
            }
            (LoadedRows::Set(rows), false) => self.each_of_set(rows, |place, i| {
                if let Some(value) = values.get(i) {
                    visit(place, value);
                }
            }),
            (LoadedRows::Sparse(rows), false) if self.len * FEW < rows.len() => self.each_of_few(rows, values, visit),
            (LoadedRows::Sparse(rows), false) => {
                for (row, value) in rows.iter().zip(values) {
                    if let Some(place) = self.place(*row) {
                        visit(place, value);
                    }
                }
            }
        }
    }

    /// Goes by 64 rows: often all or none of them count.
    #[inline]
    fn each_of_dense<T>(&self, start: u32, values: &[T], mut visit: impl FnMut(usize, &T)) {
        let first_rows = (0..self.rows.rows()).step_by(64);
        for ((counting, before), first) in self.rows.words().iter().zip(&self.before).zip(first_rows) {
            let (mut left, mut place) = (*counting, *before as usize);
            let run = first.checked_sub(start).map(|at| at as usize);
            if left == u64::MAX
                && let Some(values) = run.and_then(|at| values.get(at..at + 64))
            {
                (place..).zip(values).for_each(|(place, value)| visit(place, value));
                continue;
            }
            while left != 0 {
                let row = first + left.trailing_zeros();
                if let Some(value) = row.checked_sub(start).and_then(|at| values.get(at as usize)) {
                    visit(place, value);
                }
                place += 1;
                left &= left - 1;
            }
        }
    }

    /// Calls `visit` with the place of each row that counts and is a member of a set, and its place among those.
    #[inline]
    fn each_of_set(&self, set: &RankedRows, mut visit: impl FnMut(usize, usize)) {
        let words = self.rows.words().iter().zip(set.rows().words());
        let before = self.before.iter().zip(set.before());
        for ((counting, members), (counting_before, members_before)) in words.zip(before) {
            let mut both = counting & members;
            if *counting == u64::MAX {
                for value in *members_before.. {
                    if both == 0 {
                        break;
                    }
                    visit((counting_before + both.trailing_zeros()) as usize, value as usize);
                    both &= both - 1;
                }
                continue;
            }
            while both != 0 {
                let below = (both & both.wrapping_neg()) - 1;
                let place = counting_before + (counting & below).count_ones();
                let value = members_before + (members & below).count_ones();
                visit(place as usize, value as usize);
                both &= both - 1;
            }
        }
    }

    /// Goes along the rows that count and the values side by side.
    fn each_of_few<T>(&self, rows: &[u32], values: &[T], mut visit: impl FnMut(usize, &T)) {
        let mut next = 0;
        for (place, row) in self.rows.iter().enumerate() {
            while rows.get(next).is_some_and(|at| *at < row) {
                next += 1;
            }
            if let (Some(at), Some(value)) = (rows.get(next), values.get(next))
                && *at == row
            {
                visit(place, value);
            }
        }
    }

    /// Calls `visit` with the number of each of `count` values whose row counts, and the row's place.
    pub(super) fn each_index(&self, rows: &LoadedRows, count: usize, mut visit: impl FnMut(usize, usize)) {
        if let (LoadedRows::Set(rows), false) = (rows, self.before.is_empty()) {
            return self.each_of_set(rows, visit);
        }
        for (i, row) in rows.row_numbers(count).enumerate() {
            let place = if self.before.is_empty() {
                Some(row as usize)
            } else {
                self.place(row)
            };
            if let Some(place) = place {
                visit(place, i);
            }
        }
    }
}

/// With so many times more values than rows that count, the rows are gone along.
const FEW: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_places_in_their_order() {
        for chosen in [vec![3, 63, 64, 129], (0..100).collect(), (0..130).collect()] {
            let mut rows = RowSet::empty(130);
            chosen.iter().for_each(|row| rows.insert(*row));
            let members = Members::new(&rows);
            let dense: Vec<u32> = (1..130).collect();
            let sparse: Vec<u32> = (0..130).step_by(3).collect();
            let mut set = RowSet::empty(130);
            sparse.iter().for_each(|row| set.insert(*row));
            for (at, values) in [
                (LoadedRows::Dense { start: 1 }, dense),
                (LoadedRows::Sparse(sparse.clone()), sparse.clone()),
                (LoadedRows::Set(RankedRows::new(set).into()), sparse),
            ] {
                let expected: Vec<(usize, u32)> = chosen
                    .iter()
                    .enumerate()
                    .filter(|(_, row)| values.contains(row))
                    .map(|(place, row)| (place, *row))
                    .collect();
                let mut found = Vec::new();
                members.each(&at, &values, |place, row| found.push((place, *row)));
                assert_eq!(found, expected);
                found.clear();
                members.each_index(&at, values.len(), |place, i| found.push((place, values[i])));
                assert_eq!(found, expected);
            }
        }
    }
}
