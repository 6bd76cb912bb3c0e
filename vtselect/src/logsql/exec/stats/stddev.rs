//! `stddev`: of the values that are numbers, durations or sizes.

use common::query::logsql::stats::Stddev;
use common::query::logsql::value::format_float;

use super::super::super::ast::FieldPattern;
use super::{Columns, Function, Text};

/// The standard deviation of the values as the whole population.
pub(super) struct StddevOf(pub(super) Vec<FieldPattern>);

impl Function for StddevOf {
    type State = Stddev;

    fn fields(&self) -> Vec<FieldPattern> {
        self.0.clone()
    }

    fn new_state(&self) -> Stddev {
        Stddev::default()
    }

    fn update(&self, state: &mut Stddev, columns: &Columns<'_>, rows: &[usize]) {
        columns.for_each_number(rows, |number, times| (0..times).for_each(|_| state.update_f64(number)));
    }

    fn finish(&self, state: Stddev, _: f64) -> Text {
        format_float(state.stddev()).into()
    }
}
