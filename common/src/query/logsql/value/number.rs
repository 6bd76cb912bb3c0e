//! Numbers, and the order in which a comparison tries the forms of a value.

use super::{parse_duration, parse_ipv4, parse_rfc3339, parse_size};

/// Longest text of a plain decimal: `-18_446_744_073_709_551_615`.
const MAX_DECIMAL: usize = 27;

/// A decimal `u64`: digits, with `_` between them ignored; no sign and no leading zero.
pub fn parse_uint(s: &str) -> Option<u64> {
    let leading_zero = s.len() > 1 && s.starts_with('0');
    if s.len() >= MAX_DECIMAL || leading_zero || !s.bytes().any(|b| b != b'_') {
        return None;
    }
    s.bytes().filter(|&b| b != b'_').try_fold(0u64, |n, b| {
        let digit = b.checked_sub(b'0').filter(|digit| *digit < 10)?;
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A decimal `i64`: as [`parse_uint`] with an optional `-`.
pub fn parse_int(s: &str) -> Option<i64> {
    match s.strip_prefix('-') {
        Some(digits) => 0i64.checked_sub_unsigned(parse_uint(digits)?),
        None => i64::try_from(parse_uint(s)?).ok(),
    }
}

/// An integer that prints back as the text.
#[inline]
pub fn parse_canonical_int(s: &str) -> Option<i64> {
    // Most texts are no numbers, which their first byte tells.
    if !matches!(s.as_bytes(), [b'0'..=b'9' | b'-', ..]) {
        return None;
    }
    let digits = s.strip_prefix('-').unwrap_or(s);
    let plain = (1..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let padded = digits.starts_with('0') && s != "0";
    if plain && !padded { s.parse().ok() } else { None }
}

/// A plain decimal, `-12.0098`: no exponent, no `+`, digits on both sides of the dot. Such text can be printed back as
/// it was.
pub fn parse_float(s: &str) -> Option<f64> {
    if s.len() > MAX_DECIMAL {
        return None;
    }
    let digits = s.strip_prefix('-').unwrap_or(s);
    super::decimal::Decimal::parse(digits)?;
    parse_without_separators(s)
}

/// As [`parse_float`], without the whole numbers that a `f64` cannot hold exactly.
pub fn parse_float_exact(s: &str) -> Option<f64> {
    let number = parse_float(s)?;
    (s.contains('.') || number.abs() < (1u64 << 53) as f64).then_some(number)
}

/// A number as comparisons see it: plain decimal, duration (ns), size (bytes), or any usual spelling such as `1e9`,
/// `0x1f`, `inf`.
pub fn parse_number(s: &str) -> Option<f64> {
    parse_float(s)
        .or_else(|| parse_duration(s).map(|ns| ns as f64))
        .or_else(|| parse_size(s).map(|bytes| bytes as f64))
        .or_else(|| parse_spelled(s))
}

/// A number as literals and `math` see it: as [`parse_number`], then an RFC 3339 time (unix ns), then an IPv4 address.
pub fn parse_number_or_unit(s: &str) -> Option<f64> {
    parse_number(s)
        .or_else(|| parse_rfc3339(s).map(|ns| ns as f64))
        .or_else(|| parse_ipv4(s).map(f64::from))
}

/// A length or a count: `inf`, an integer in any base, a size or a duration that is not negative.
pub fn parse_length(s: &str) -> Option<u64> {
    if s.eq_ignore_ascii_case("inf") || s.eq_ignore_ascii_case("+inf") {
        return Some(u64::MAX);
    }
    let integer = parse_any_base(s).and_then(|n| u64::try_from(n).ok());
    integer.or_else(|| u64::try_from(parse_size(s).or_else(|| parse_duration(s))?).ok())
}

/// True when the text starts as a number does: an optional sign and dot, then a digit; or `inf`.
pub fn is_number_prefix(s: &str) -> bool {
    let s = s.strip_prefix(['-', '+']).unwrap_or(s);
    s.eq_ignore_ascii_case("inf")
        || s.strip_prefix('.')
            .unwrap_or(s)
            .starts_with(|c: char| c.is_ascii_digit())
}

/// Prints a number: the shortest decimal that reads back the same, never with an exponent; `NaN`, `+Inf`, `-Inf`.
pub fn format_float(f: f64) -> String {
    if f.is_nan() {
        "NaN".to_owned()
    } else if f.is_infinite() {
        if f > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        f.to_string()
    }
}

/// Usual spellings beyond the plain decimal. Addresses and times are kept out: they have forms of their own.
fn parse_spelled(s: &str) -> Option<f64> {
    let count = |byte: u8| s.bytes().filter(|&b| b == byte).count();
    if !is_number_prefix(s) || count(b'.') > 1 || count(b':') > 0 || count(b'-') > 2 {
        return None;
    }
    let overflowed = |f: &f64| f.is_infinite() && s.contains(|c: char| c.is_ascii_digit());
    if separators_are_between_digits(s)
        && let Some(f) = parse_without_separators(s).filter(|f| !overflowed(f))
    {
        return Some(f);
    }
    parse_any_base(s).map(|n| n as f64)
}

fn parse_without_separators(s: &str) -> Option<f64> {
    if s.contains('_') {
        s.replace('_', "").parse().ok()
    } else {
        s.parse().ok()
    }
}

fn separators_are_between_digits(s: &str) -> bool {
    let bytes = s.as_bytes();
    let digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_hexdigit);
    bytes
        .iter()
        .enumerate()
        .all(|(i, &b)| b != b'_' || digit(i.checked_sub(1)) && digit(Some(i + 1)))
}

/// An integer as programs write it: `12`, `0x1f`, `0b101`, `0o17`, `017`, with `_` between digits.
fn parse_any_base(s: &str) -> Option<i128> {
    let (negative, digits) = match s.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, s.strip_prefix('+').unwrap_or(s)),
    };
    let prefixed = |letters: [char; 2]| digits.strip_prefix('0').and_then(|rest| rest.strip_prefix(letters));
    let (radix, digits) = if let Some(rest) = prefixed(['x', 'X']) {
        (16, rest)
    } else if let Some(rest) = prefixed(['b', 'B']) {
        (2, rest)
    } else if let Some(rest) = prefixed(['o', 'O']) {
        (8, rest)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, digits.trim_start_matches('0'))
    } else {
        (10, digits)
    };
    let clean = digits.replace('_', "");
    if clean.starts_with(['+', '-']) || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let size = if clean.is_empty() && radix == 8 {
        0
    } else {
        u64::from_str_radix(&clean, radix).ok()?
    };
    Some(if negative { -i128::from(size) } else { i128::from(size) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_decimals() {
        assert_eq!(parse_float("-1.234_567"), Some(-1.234567));
        assert_eq!(parse_float("10_007_199_254_740_992"), Some(10_007_199_254_740_992.0));
        for wrong in [
            "", "+123", ".123", "123.", ".", "12e5", "01", "-inf", "Inf", "1.2.3", "-", "_", "--1",
        ] {
            assert_eq!(parse_float(wrong), None, "{wrong}");
        }
        assert_eq!(parse_float_exact("-9007199254740992"), None);
        assert_eq!(
            parse_float_exact("9_007_199_254_740_991"),
            Some(9_007_199_254_740_991.0)
        );
    }

    #[test]
    fn integers() {
        assert_eq!(parse_uint("18_446_744_073_709_551_615"), Some(u64::MAX));
        assert_eq!(parse_uint("18446744073709551616"), None);
        assert_eq!(parse_int("-9223372036854775808"), Some(i64::MIN));
        for wrong in ["9223372036854775808", "-0123", "1.2", "1e3", "", "-"] {
            assert_eq!(parse_int(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn comparisons_read_every_form() {
        for (text, expected) in [
            ("1_234e-3", 1.234),
            ("0x1ff", 511.0),
            ("+2e5", 200_000.0),
            ("-inf", f64::NEG_INFINITY),
            ("4ms", 4e6),
            ("1.5GiB", 1_610_612_736.0),
            ("1.2.3.4", 16_909_060.0),
            ("2025-01-01T00:00:00Z", 1_735_689_600e9),
        ] {
            assert_eq!(parse_number_or_unit(text), Some(expected), "{text}");
        }
        for wrong in ["", "foo", "-", "2025-01-01Z", "1e999", "1__0e1", "0x", "5 ms"] {
            assert_eq!(parse_number_or_unit(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lengths_take_sizes_durations_and_bases() {
        for (text, expected) in [
            ("inf", u64::MAX),
            ("0b100101", 37),
            ("22MB100KB", 22_100_000),
            ("1_000_000", 1_000_000),
            ("017", 15),
        ] {
            assert_eq!(parse_length(text), Some(expected), "{text}");
        }
        for wrong in ["-1", "bar", "1.5", "", "-5s"] {
            assert_eq!(parse_length(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_print_without_exponent() {
        for (f, text) in [
            (0.0, "0"),
            (-1.234567, "-1.234567"),
            (1e21, "1000000000000000000000"),
            (f64::NAN, "NaN"),
            (5e-7, "0.0000005"),
        ] {
            assert_eq!(format_float(f), text);
        }
    }
}
