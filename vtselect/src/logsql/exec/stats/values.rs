//! `values`: all values as a JSON array.

use common::query::logsql::stats::Values;

use super::super::super::ast::FieldPattern;
use super::super::super::parse::stats::Limited;
use super::super::json;
use super::{Columns, Function, Text};

/// Values of named fields, also empty ones, in the order they came.
pub(super) struct AllValues(pub(super) Limited);

impl Function for AllValues {
    type State = Values;

    fn fields(&self) -> Vec<FieldPattern> {
        self.0.fields.fields.clone()
    }

    fn new_state(&self) -> Values {
        Values::new(self.0.limit)
    }

    fn update(&self, state: &mut Values, columns: &Columns<'_>, rows: &[usize]) {
        if state.is_full() {
            return;
        }
        columns.for_each(rows, |value, times| {
            for _ in 0..times {
                state.update_text(value.clone());
            }
        });
    }

    fn finish(&self, state: Values, _: f64) -> Text {
        json::array(state.get().iter().map(|value| &**value)).into()
    }
}
