//! `min` and `max`: the value itself, in natural order.

use common::query::logsql::stats::{End, Extreme};

use super::super::super::ast::FieldPattern;
use super::{Columns, Function, Text};

/// The value at one end of the order.
pub(super) struct Outermost(pub(super) Vec<FieldPattern>, pub(super) End);

impl Function for Outermost {
    type State = Extreme;

    fn fields(&self) -> Vec<FieldPattern> {
        self.0.clone()
    }

    fn new_state(&self) -> Extreme {
        Extreme::new(self.1)
    }

    fn update(&self, state: &mut Extreme, columns: &Columns<'_>, rows: &[usize]) {
        columns.for_each(rows, |value, _| state.update_text(value));
    }

    fn finish(&self, state: Extreme, _: f64) -> Text {
        state.text()
    }
}
