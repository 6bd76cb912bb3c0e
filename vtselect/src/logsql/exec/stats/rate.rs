//! `rate`: rows for each second.

use common::query::logsql::stats::Count;
use common::query::logsql::value::format_float;

use super::super::super::ast::FieldPattern;
use super::{Columns, Function, Text};

/// Rows for each second.
pub(super) struct Rate;

impl Function for Rate {
    type State = Count;

    fn fields(&self) -> Vec<FieldPattern> {
        Vec::new()
    }

    fn new_state(&self) -> Count {
        Count::default()
    }

    fn update(&self, state: &mut Count, _: &Columns<'_>, rows: &[usize]) {
        state.add(rows.len() as u64);
    }

    fn finish(&self, state: Count, seconds: f64) -> Text {
        format_float(state.get() as f64 / seconds).into()
    }
}
