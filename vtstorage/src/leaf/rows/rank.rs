//! The place of rows in an order, and the best rows found so far.

use std::cmp::Ordering;

/// Numbers as they are ordered: as the nearest doubles, and then by what whole numbers differ from those.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Number {
    /// The bits of the double, such that they ascend with it
    double: u64,
    rest: i32,
}

impl Number {
    pub(super) fn whole(number: i128) -> Self {
        let nearest = number as f64;
        Self {
            double: ascending(nearest),
            // At most 1,024 for numbers of 64 bits.
            rest: i32::try_from(number - nearest as i128).unwrap_or_default(),
        }
    }

    /// `None` for what is not a number.
    pub(super) fn double(number: f64) -> Option<Self> {
        (!number.is_nan()).then(|| Self {
            double: ascending(number),
            rest: 0,
        })
    }

    /// The nearest double.
    pub(super) fn nearest(self) -> f64 {
        f64::from_bits(if self.double & SIGN == 0 {
            !self.double
        } else {
            self.double & !SIGN
        })
    }
}

const SIGN: u64 = 1 << 63;

/// Minus zero is zero.
fn ascending(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The place of a row in the order that is asked for: the greatest is the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rank {
    pub(super) number: Option<Number>,
    descending: bool,
}

impl Rank {
    pub(super) fn new(number: Option<Number>, descending: bool) -> Self {
        Self { number, descending }
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.number, other.number) {
            (Some(a), Some(b)) if self.descending => a.cmp(&b),
            (Some(a), Some(b)) => b.cmp(&a),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A source and a row of it.
pub(super) type Place = (u32, u32);

/// A row with its rank and the number of its source.
pub(super) type Ranked = (Rank, u32, u32);

/// The best rows of those that were added. Of rows of one rank any may be kept.
#[derive(Debug)]
pub(super) struct TopRows {
    limit: usize,
    rows: Vec<Ranked>,
}

impl TopRows {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            rows: Vec::new(),
        }
    }

    /// A row must be better than this to get in; `None` while all can.
    pub(super) fn threshold(&self) -> Option<Rank> {
        (self.rows.len() >= self.limit)
            .then(|| self.rows.iter().map(|row| row.0).min())
            .flatten()
    }

    pub(super) fn add(&mut self, mut rows: Vec<Ranked>) {
        cut(&mut rows, self.limit);
        self.rows.append(&mut rows);
        cut(&mut self.rows, self.limit);
    }

    /// Bytes of memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Ranked>()
    }

    pub(super) fn into_rows(self) -> Vec<Place> {
        self.rows.into_iter().map(|(_, source, row)| (source, row)).collect()
    }
}

/// Keeps the best `limit` rows.
fn cut(rows: &mut Vec<Ranked>, limit: usize) {
    if rows.len() > limit {
        rows.select_nth_unstable_by(limit, |a, b| b.0.cmp(&a.0));
        rows.truncate(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_kinds_are_in_one_order() {
        let double = |d| Number::double(d).unwrap();
        let big = (1i128 << 53) + 1;
        let ascending = [
            double(f64::NEG_INFINITY),
            Number::whole(i128::from(i64::MIN)),
            double(-1.5),
            Number::whole(-1),
            Number::whole(0),
            double(0.5),
            Number::whole(big - 1),
            Number::whole(big),
            Number::whole(i128::from(u64::MAX)),
            double(1e300),
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b), "{ascending:?}");
        assert_eq!(double(-0.0), Number::whole(0));
        assert_eq!(Number::double(f64::NAN), None);
        for number in [-1.5, 0.0, 1e300] {
            assert_eq!(double(number).nearest(), number);
        }
    }

    #[test]
    fn the_best_rows_stay() {
        let rank = |n: i128| Rank::new(Some(Number::whole(n)), false);
        let mut top = TopRows::new(2);
        top.add(vec![(Rank::new(None, false), 0, 0), (rank(7), 0, 1)]);
        assert_eq!(top.threshold(), Some(Rank::new(None, false)));
        top.add(vec![(rank(5), 1, 2), (rank(9), 1, 3)]);
        assert_eq!(top.threshold(), Some(rank(7)));
        let mut rows = top.into_rows();
        rows.sort_unstable();
        assert_eq!(rows, [(0, 1), (1, 2)]);
    }
}
