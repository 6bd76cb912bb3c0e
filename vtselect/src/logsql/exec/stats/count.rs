//! `count` and `count_empty`: rows with and without values.

use common::query::logsql::stats::Count;

use super::super::super::ast::FieldPattern;
use super::{Columns, Function, Text, count_text};

/// Rows with a value in at least one of the fields; of all fields, every row.
pub(super) struct CountRows(pub(super) Vec<FieldPattern>);

/// Rows without a value in any of the fields.
pub(super) struct CountEmpty(pub(super) Vec<FieldPattern>);

impl Function for CountRows {
    type State = Count;

    fn fields(&self) -> Vec<FieldPattern> {
        self.0.clone()
    }

    fn new_state(&self) -> Count {
        Count::default()
    }

    fn update(&self, state: &mut Count, columns: &Columns<'_>, rows: &[usize]) {
        let every = columns.is_all();
        state.add(if every {
            rows.len() as u64
        } else {
            columns.count_filled(rows)
        });
    }

    fn finish(&self, state: Count, _: f64) -> Text {
        count_text(state)
    }
}

impl Function for CountEmpty {
    type State = Count;

    fn fields(&self) -> Vec<FieldPattern> {
        self.0.clone()
    }

    fn new_state(&self) -> Count {
        Count::default()
    }

    fn update(&self, state: &mut Count, columns: &Columns<'_>, rows: &[usize]) {
        state.add((rows.len() as u64).saturating_sub(columns.count_filled(rows)));
    }

    fn finish(&self, state: Count, _: f64) -> Text {
        count_text(state)
    }
}
