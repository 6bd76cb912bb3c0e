//! Times of day in RFC 3339 form as stored values have them; the value is unix nanoseconds.

use super::SECOND;
use super::calendar::Date;
use std::fmt::Write as _;

/// Seconds since 1970 that a `i64` of nanoseconds can hold with any fraction.
const SECONDS: std::ops::Range<i64> = i64::MIN / SECOND..i64::MAX / SECOND;
const SECONDS_LENGTH: usize = "2006-01-02T15:04:05".len();

/// Reads `2006-01-02T15:04:05`, then an optional fraction of up to nine digits, then `Z`, `±hh:mm` or nothing (UTC). A
/// space may stand for the `T`.
pub fn parse_rfc3339(s: &str) -> Option<i64> {
    let (local, rest) = s.split_at_checked(SECONDS_LENGTH)?;
    let (fraction, offset) = split_zone(rest)?;
    let seconds = parse_seconds(local)?;
    let fraction = if fraction.is_empty() {
        0
    } else {
        parse_fraction(fraction.strip_prefix('.')?)?
    };
    seconds.checked_mul(SECOND)?.checked_sub(offset)?.checked_add(fraction)
}

/// Reads exactly `2006-01-02T15:04:05.000Z`, which prints back as it was.
pub fn parse_iso8601(s: &str) -> Option<i64> {
    let (local, rest) = s.split_at_checked(SECONDS_LENGTH)?;
    let millis = rest
        .strip_prefix('.')?
        .strip_suffix('Z')
        .filter(|millis| millis.len() == 3)?;
    parse_seconds(local)?
        .checked_mul(SECOND)?
        .checked_add(parse_fraction(millis)?)
}

/// Prints unix nanoseconds in UTC with as many fractional digits as needed and `Z`.
pub fn format_rfc3339(ns: i64) -> String {
    let mut out = String::with_capacity("2006-01-02T15:04:05.000000000Z".len());
    write_rfc3339(ns, &mut out);
    out
}

/// Appends [`format_rfc3339`].
pub fn write_rfc3339(ns: i64, out: &mut String) {
    let (seconds, fraction) = (ns.div_euclid(SECOND), ns.rem_euclid(SECOND));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let Date { year, month, day } = Date::from_days(days);
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    // Writing to a String does not fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}");
    if fraction != 0 {
        let _ = write!(out, ".{fraction:09}");
        out.truncate(out.trim_end_matches('0').len());
    }
    out.push('Z');
}

/// Prints unix nanoseconds in UTC with exactly three fractional digits and `Z`; what is below a millisecond is dropped.
pub fn format_iso8601(ns: i64) -> String {
    let whole = format_rfc3339(ns - ns.rem_euclid(SECOND));
    format!(
        "{}.{:03}Z",
        whole.trim_end_matches('Z'),
        ns.rem_euclid(SECOND) / 1_000_000
    )
}

/// Unix seconds of `2006-01-02T15:04:05` taken as UTC.
fn parse_seconds(s: &str) -> Option<i64> {
    let (date, clock) = s.split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (
        digits(date.next()?, 4)?,
        digits(date.next()?, 2)?,
        digits(date.next()?, 2)?,
    );
    let mut clock = clock.splitn(3, ':');
    let (h, m, s) = (
        digits(clock.next()?, 2)?,
        digits(clock.next()?, 2)?,
        digits(clock.next()?, 2)?,
    );
    let real = h < 24 && m < 60 && s < 60;
    let seconds = Date::new(year, month, day)?.days() * 86_400 + h * 3_600 + m * 60 + s;
    (real && SECONDS.contains(&seconds)).then_some(seconds)
}

/// What is left of the zone, and the zone's offset in nanoseconds.
fn split_zone(s: &str) -> Option<(&str, i64)> {
    if let Some(rest) = s.strip_suffix('Z') {
        return Some((rest, 0));
    }
    match s.rfind(['+', '-']) {
        None => Some((s, 0)),
        Some(at) => {
            let (rest, zone) = s.split_at_checked(at)?;
            Some((rest, parse_zone(zone)?))
        }
    }
}

/// Nanoseconds of `±hh:mm`.
pub(super) fn parse_zone(s: &str) -> Option<i64> {
    let sign = if s.starts_with('-') { -1 } else { 1 };
    let (h, m) = s.strip_prefix(['+', '-'])?.split_once(':')?;
    let (h, m) = (digits(h, 2)?, digits(m, 2)?);
    (h <= 24 && m < 60).then_some(sign * (h * 3_600 + m * 60) * SECOND)
}

/// Nanoseconds of the digits after the dot.
pub(super) fn parse_fraction(s: &str) -> Option<i64> {
    let missing = u32::try_from(9usize.checked_sub(s.len())?).ok()?;
    Some(digits(s, s.len())? * 10i64.pow(missing))
}

/// A number of exactly `length` decimal digits, at least one.
pub(super) fn digits(s: &str, length: usize) -> Option<i64> {
    let ok = s.len() == length && !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    ok.then(|| s.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_zones_and_fractions() {
        for (text, printed) in [
            ("2023-01-15T23:45:51Z", "2023-01-15T23:45:51Z"),
            ("2023-01-16T00:45:51.123-01:00", "2023-01-16T01:45:51.123Z"),
            ("2023-01-16 00:45:51.100+01:00", "2023-01-15T23:45:51.1Z"),
            ("1677-09-21T00:12:44Z", "1677-09-21T00:12:44Z"),
            ("2262-04-11T23:47:15.999999999Z", "2262-04-11T23:47:15.999999999Z"),
        ] {
            assert_eq!(parse_rfc3339(text).map(format_rfc3339).as_deref(), Some(printed));
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for wrong in [
            "",
            "foobar",
            "2262-04-11T23:47:16Z",
            "2023-02-30T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00+1:00",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00.1234567890Z",
            "2023-01-01T00:00:00123Z",
            "й023-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
        assert_eq!(parse_iso8601("2023-01-16T00:45:51.123+01:00"), None);
        assert!(parse_iso8601("2023-01-16T00:45:51.123Z").is_some());
    }
}
