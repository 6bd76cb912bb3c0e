//! Rows of one source by group: each group a small number.

use super::coded::Coded;
use super::columns::Columns;
use super::prepared::Aggregation;
use crate::engine::error::StorageError;
use crate::engine::rows::{RowSet, RowSource};
use common::query::logsql::stats::Text;
use hashbrown::HashMap;

/// The group of rows that do not match.
pub(super) const NONE: u32 = u32::MAX;

/// Which group rows belong to.
pub(super) trait Assign {
    /// The row's group, or [`NONE`].
    fn group(&self, row: u32) -> u32;
}

/// All of these rows are one group.
pub(super) struct One<'a>(pub(super) &'a RowSet);

/// By row, for all rows.
pub(super) struct ByRow<'a>(pub(super) &'a [u32]);

/// By row, for these rows.
pub(super) struct Within<'a>(pub(super) &'a [u32], pub(super) &'a RowSet);

impl Assign for One<'_> {
    #[inline]
    fn group(&self, row: u32) -> u32 {
        if self.0.contains(row) { 0 } else { NONE }
    }
}

impl Assign for ByRow<'_> {
    #[inline]
    fn group(&self, row: u32) -> u32 {
        self.0.get(row as usize).copied().unwrap_or(NONE)
    }
}

impl Assign for Within<'_> {
    #[inline]
    fn group(&self, row: u32) -> u32 {
        if self.1.contains(row) {
            ByRow(self.0).group(row)
        } else {
            NONE
        }
    }
}

/// The groups of the matching rows.
pub(super) struct Grouping {
    /// By row, of matching rows; `None` if they are all one group
    pub(super) by_row: Option<Vec<u32>>,
    /// Matching rows by group
    pub(super) counts: Vec<u64>,
    /// By group; several groups may have one key, and those without rows have none
    pub(super) keys: Vec<Option<Vec<Text>>>,
}

impl Grouping {
    pub(super) fn new(
        what: &Aggregation,
        columns: &mut Columns<'_>,
        source: &mut dyn RowSource,
    ) -> Result<Self, StorageError> {
        if what.keys.is_empty() {
            return Ok(Self {
                by_row: None,
                counts: vec![u64::from(columns.matching.count())],
                keys: vec![Some(Vec::new())],
            });
        }
        let mut coded = Vec::with_capacity(what.keys.len());
        for (key, column) in &what.keys {
            columns.load(source, *column)?;
            if let Some(data) = columns.get(*column) {
                coded.push(Coded::of_key(key, data, columns.matching));
            }
        }
        if coded.len() == 1
            && let Some(only) = coded.pop()
        {
            return Ok(Self::of_one_key(only, columns.matching));
        }
        let combined = Combined::new(&coded, columns.matching);
        Ok(Self {
            keys: combined.texts(&coded).into_iter().map(Some).collect(),
            by_row: Some(combined.by_row),
            counts: combined.counts,
        })
    }

    /// The codes are the groups.
    fn of_one_key(coded: Coded, matching: &RowSet) -> Self {
        let Coded { codes, texts } = coded;
        let mut counts = vec![0; texts.len()];
        let mut count = |code: &u32| {
            if let Some(count) = counts.get_mut(*code as usize) {
                *count += 1;
            }
        };
        if matching.is_full() {
            codes.iter().for_each(count);
        } else {
            matching.iter().filter_map(|row| codes.get(row as usize)).for_each(&mut count);
        }
        let used = texts.into_iter().zip(&counts);
        Self {
            keys: used.map(|(text, count)| (*count > 0).then(|| vec![text])).collect(),
            by_row: Some(codes),
            counts,
        }
    }

    /// The number of groups.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// Rows by the tuple of their codes.
pub(super) struct Combined {
    /// By row: the number of the tuple, or [`NONE`] where the row does not match
    pub(super) by_row: Vec<u32>,
    /// Rows by tuple
    pub(super) counts: Vec<u64>,
    /// A row with the tuple
    first_rows: Vec<u32>,
}

impl Combined {
    pub(super) fn new(coded: &[Coded], matching: &RowSet) -> Self {
        let mut all = Self {
            by_row: vec![NONE; matching.rows() as usize],
            counts: Vec::new(),
            first_rows: Vec::new(),
        };
        let sizes = coded.iter().map(|c| c.texts.len());
        let tuples = sizes.clone().try_fold(1usize, usize::checked_mul);
        match tuples.filter(|tuples| *tuples <= MAX_TABLE.max(2 * matching.rows() as usize)) {
            Some(tuples) => all.by_table(coded, tuples, matching),
            None => all.by_map(coded, matching),
        }
        all
    }

    fn by_table(&mut self, coded: &[Coded], tuples: usize, matching: &RowSet) {
        let mut known = vec![NONE; tuples];
        for row in matching.iter() {
            let place = coded
                .iter()
                .fold(0, |place, c| place * c.texts.len() + code(c, row) as usize);
            if let Some(known) = known.get_mut(place) {
                if *known == NONE {
                    *known = self.add(row);
                }
                self.count(row, *known);
            }
        }
    }

    /// Tuples are made of a tuple of all codes but one and that one.
    fn by_map(&mut self, coded: &[Coded], matching: &RowSet) {
        for c in coded {
            let mut known: HashMap<u64, u32> = HashMap::new();
            let before = std::mem::replace(&mut self.by_row, vec![NONE; matching.rows() as usize]);
            self.counts.clear();
            self.first_rows.clear();
            for row in matching.iter() {
                let tuple = before.get(row as usize).copied().unwrap_or(NONE);
                let key = u64::from(tuple) << 32 | u64::from(code(c, row));
                let number = *known.entry(key).or_insert_with(|| self.add(row));
                self.count(row, number);
            }
        }
    }

    fn add(&mut self, row: u32) -> u32 {
        self.counts.push(0);
        self.first_rows.push(row);
        self.counts.len() as u32 - 1
    }

    fn count(&mut self, row: u32, tuple: u32) {
        if let (Some(by_row), Some(count)) = (self.by_row.get_mut(row as usize), self.counts.get_mut(tuple as usize)) {
            *by_row = tuple;
            *count += 1;
        }
    }

    /// The texts of each tuple.
    pub(super) fn texts(&self, coded: &[Coded]) -> Vec<Vec<Text>> {
        let text = |c: &Coded, row: u32| c.texts.get(code(c, row) as usize).cloned().unwrap_or_default();
        let rows = self.first_rows.iter();
        rows.map(|row| coded.iter().map(|c| text(c, *row)).collect()).collect()
    }
}

/// So many tuples are looked up in a table.
const MAX_TABLE: usize = 1 << 16;

#[inline]
fn code(coded: &Coded, row: u32) -> u32 {
    coded.codes.get(row as usize).copied().unwrap_or_default()
}
