//! Durations: `1h33m55s`, `1.5d`, `-12µs`; the value is nanoseconds.

use std::fmt::Write;

use super::decimal::{parse_sum, strip_unit};
use super::{DAY, HOUR, MINUTE, SECOND, WEEK};

const UNITS: [(&str, u64); 9] = [
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("ns", 1),
    ("y", 365 * DAY as u64),
    ("w", WEEK as u64),
    ("d", DAY as u64),
    ("h", HOUR as u64),
    ("m", MINUTE as u64),
    ("s", SECOND as u64),
];

/// Reads `[-]` and one or more `<decimal><unit>`, units `ns µs ms s m h d w y`; `None` for anything else, also for a
/// number without a unit. What does not fit is cut to the largest size.
pub fn parse_duration(s: &str) -> Option<i64> {
    parse_sum(s, |_, rest| strip_unit(rest, &UNITS))
}

/// Prints nanoseconds as the language does: `0`, `12µs345ns`, `123ms456µs789ns`, `12.345678901s`, `2w6h56m7.8s`.
pub fn format_duration(ns: i64) -> String {
    let mut out = String::new();
    if ns == 0 {
        out.push('0');
    } else if ns < 0 {
        out.push('-');
    }
    let mut left = ns.unsigned_abs();
    for (unit, name) in [(WEEK, 'w'), (DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm')] {
        let unit = unit.unsigned_abs();
        if left >= unit {
            let _ = write!(out, "{}{name}", left / unit);
            left %= unit;
        }
    }
    write_below_minute(&mut out, left);
    out
}

/// At least a second is printed with a fraction; less is printed in ms, µs and ns.
fn write_below_minute(out: &mut String, left: u64) {
    let second = SECOND.unsigned_abs();
    if left >= second {
        let _ = write!(out, "{}", left / second);
        if !left.is_multiple_of(second) {
            let fraction = format!("{:09}", left % second);
            let _ = write!(out, ".{}", fraction.trim_end_matches('0'));
        }
        out.push('s');
        return;
    }
    for (part, name) in [
        (left / 1_000_000, "ms"),
        (left / 1_000 % 1_000, "µs"),
        (left % 1_000, "ns"),
    ] {
        if part > 0 {
            let _ = write!(out, "{part}{name}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sums_of_units() {
        assert_eq!(parse_duration("1.1h5m2.5s3_456ns"), Some(4_262_500_003_456));
        assert_eq!(parse_duration("-1h5m3s"), Some(-3_903_000_000_000));
        assert_eq!(parse_duration("1.001s"), Some(1_001_000_000));
        assert_eq!(parse_duration("15_223_372_036_854_775_808ns"), Some(i64::MAX));
        for wrong in ["", "-", "2", "2.5", "1foo", "2s ", "s", "1h-5m", "1..5s", ".5s"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for (ns, text) in [
            (0, "0"),
            (-1, "-1ns"),
            (12_345, "12µs345ns"),
            (60_500_000_000, "1m500ms"),
            (1_234_567_890_123_457, "2w6h56m7.890123457s"),
            (i64::MIN, "-15250w1d23h47m16.854775808s"),
        ] {
            assert_eq!(format_duration(ns), text);
        }
        for ns in [1, 999, 1_000, 1_000_001, 61_000_000_000, -86_400_000_000_001] {
            assert_eq!(parse_duration(&format_duration(ns)), Some(ns));
        }
    }
}
