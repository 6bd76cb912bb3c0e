//! `sum_len`: the lengths of the values in bytes.

use common::query::logsql::stats::Count;

use super::super::super::ast::FieldPattern;
use super::{Columns, Function, Text, count_text};

/// The sum of the lengths.
pub(super) struct SumLen(pub(super) Vec<FieldPattern>);

impl Function for SumLen {
    type State = Count;

    fn fields(&self) -> Vec<FieldPattern> {
        self.0.clone()
    }

    fn new_state(&self) -> Count {
        Count::default()
    }

    fn update(&self, state: &mut Count, columns: &Columns<'_>, rows: &[usize]) {
        columns.for_each(rows, |value, times| state.add(value.len() as u64 * times));
    }

    fn finish(&self, state: Count, _: f64) -> Text {
        count_text(state)
    }
}
