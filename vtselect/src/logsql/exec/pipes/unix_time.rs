//! Unix times as numbers, in the unit that their size tells.

/// Nanoseconds of a number of seconds, milliseconds, microseconds or nanoseconds, with a fraction or without. Seconds
/// reach to the year 2038 and back to 1902; larger numbers are in the next smaller unit that brings them there.
pub(super) fn parse_unix_time(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || digits.ends_with('.') || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let unit = [1_000_000_000, 1_000_000, 1_000]
        .into_iter()
        .find(|unit| whole < (1i64 << 31).saturating_mul(1_000_000_000 / unit))
        .unwrap_or(1);
    let nanos = format!("{fraction:0<9}").get(..9)?.parse::<i64>().ok()?;
    let size = whole.checked_mul(unit)?.checked_add(nanos / (1_000_000_000 / unit))?;
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_tells_the_unit() {
        for (text, ns) in [
            ("0", 0),
            ("1717328141", 1_717_328_141_000_000_000),
            ("1717328141.123456789", 1_717_328_141_123_456_789),
            ("1717328141123", 1_717_328_141_123_000_000),
            ("1717328141123.5", 1_717_328_141_123_500_000),
            ("1717328141123456", 1_717_328_141_123_456_000),
            ("1717328141123456789", 1_717_328_141_123_456_789),
            ("-1717328141.123", -1_717_328_141_123_000_000),
        ] {
            assert_eq!(parse_unix_time(text), Some(ns), "{text}");
        }
        for wrong in ["", "-", "x", "1.", ".5", "1.2.3", "99999999999999999999", "1e9"] {
            assert_eq!(parse_unix_time(wrong), None, "{wrong}");
        }
    }
}
