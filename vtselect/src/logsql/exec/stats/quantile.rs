//! `quantile` and `median`: the value itself, in natural order.

use common::query::logsql::stats::Quantile;

use super::super::super::ast::FieldPattern;
use super::{Columns, Function, Text};

/// The value with this share of the values below it.
pub(super) struct QuantileOf(pub(super) Vec<FieldPattern>, pub(super) f64);

impl Function for QuantileOf {
    type State = Quantile;

    fn fields(&self) -> Vec<FieldPattern> {
        self.0.clone()
    }

    fn new_state(&self) -> Quantile {
        Quantile::default()
    }

    fn update(&self, state: &mut Quantile, columns: &Columns<'_>, rows: &[usize]) {
        columns.for_each(rows, |value, times| {
            if value.is_empty() {
                state.update_missing(times);
            } else {
                (0..times).for_each(|_| state.update_text(value));
            }
        });
    }

    fn finish(&self, state: Quantile, _: f64) -> Text {
        state.text(self.1)
    }
}
