//! `sum`, `avg` and `rate_sum`: of the values that are numbers, durations or sizes.

use common::query::logsql::stats::Sum;
use common::query::logsql::value::format_float;

use super::super::super::ast::FieldPattern;
use super::{Columns, Function, Text};

/// The sum.
pub(super) struct SumOf(pub(super) Vec<FieldPattern>);
/// The mean.
pub(super) struct Avg(pub(super) Vec<FieldPattern>);
/// The sum for each second.
pub(super) struct RateSum(pub(super) Vec<FieldPattern>);

macro_rules! of_sum {
    ($($function:ident: $result:expr;)+) => {$(
        impl Function for $function {
            type State = Sum;

            fn fields(&self) -> Vec<FieldPattern> {
                self.0.clone()
            }

            fn new_state(&self) -> Sum {
                Sum::default()
            }

            fn update(&self, state: &mut Sum, columns: &Columns<'_>, rows: &[usize]) {
                columns.for_each_number(rows, |number, times| state.update_f64_times(number, times));
            }

            fn finish(&self, state: Sum, seconds: f64) -> Text {
                let result: fn(Sum, f64) -> f64 = $result;
                format_float(result(state, seconds)).into()
            }
        }
    )+};
}

of_sum! {
    SumOf: |sum, _| sum.sum();
    Avg: |sum, _| sum.mean();
    RateSum: |sum, seconds| sum.sum() / seconds;
}
