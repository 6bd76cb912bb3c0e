//! Columns that a filter loaded and that are of use after it.

use crate::engine::rows::{Loaded, RowSet};
use common::query::Column;

/// Takes the columns that someone wants to have from a filter that loads them.
#[derive(Debug)]
pub struct Kept<'c> {
    wanted: &'c [Column],
    /// By their number among the wanted ones: what was loaded, and for which rows
    columns: Vec<Option<(RowSet, Option<Loaded>)>>,
}

impl<'c> Kept<'c> {
    /// Keeps none yet, and will keep these.
    pub fn new(wanted: &'c [Column]) -> Self {
        Self {
            wanted,
            columns: wanted.iter().map(|_| None).collect(),
        }
    }

    /// What was loaded of each wanted column, where it was loaded for all of `rows`.
    pub fn into_columns(self, rows: &RowSet) -> Vec<Option<Option<Loaded>>> {
        let columns = self.columns.into_iter();
        columns
            .map(|kept| {
                kept.filter(|(loaded_for, _)| loaded_for.contains_all(rows))
                    .map(|(_, loaded)| loaded)
            })
            .collect()
    }

    /// Whether a column is wanted.
    pub(super) fn wants(&self, column: &Column) -> bool {
        self.wanted.contains(column)
    }

    /// Keeps a column that was loaded for `rows`; of several times the first counts, which was for the most rows.
    pub(super) fn keep(&mut self, column: &Column, rows: RowSet, loaded: Option<Loaded>) {
        let place = self.wanted.iter().position(|wanted| wanted == column);
        if let Some(kept) = place.and_then(|place| self.columns.get_mut(place)) {
            kept.get_or_insert((rows, loaded));
        }
    }
}
