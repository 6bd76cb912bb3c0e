//! Results as values of a metric, which must be numbers for who evaluates rules on them.

use common::query::logsql::value::{format_float, parse_number_or_unit};

use super::Text;

/// The result of a function as a number in text: numbers stay as they are; durations become nanoseconds, sizes bytes,
/// times unix nanoseconds; anything else, also the empty text of no value, is not a number. One value that cannot be
/// read as a number fails a whole rule.
pub fn metric_value(result: &Text) -> Text {
    if result.parse::<f64>().is_ok() {
        return result.clone();
    }
    format_float(parse_number_or_unit(result).unwrap_or(f64::NAN)).into()
}
