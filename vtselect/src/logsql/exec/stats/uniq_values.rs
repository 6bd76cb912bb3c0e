//! `uniq_values`: distinct values as a JSON array.

use common::query::logsql::stats::Texts;

use super::super::super::ast::FieldPattern;
use super::super::super::parse::stats::Limited;
use super::super::json;
use super::{Columns, Function, Text};

/// Distinct values that are not empty, in natural order.
pub(super) struct UniqValues(pub(super) Limited);

impl Function for UniqValues {
    type State = Texts;

    fn fields(&self) -> Vec<FieldPattern> {
        self.0.fields.fields.clone()
    }

    fn new_state(&self) -> Texts {
        Texts::new(self.0.limit)
    }

    fn update(&self, state: &mut Texts, columns: &Columns<'_>, rows: &[usize]) {
        if !state.is_full() {
            columns.for_each(rows, |value, _| state.update_text(value));
        }
    }

    fn finish(&self, state: Texts, _: f64) -> Text {
        json::array(state.sorted().iter().map(|value| &**value)).into()
    }
}
