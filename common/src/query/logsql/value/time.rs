//! Times as queries and HTTP arguments give them: absolute with any precision, unix, or relative to now.

use super::calendar::Date;
use super::timestamp::{digits, parse_fraction, parse_zone};
use super::{DAY, HOUR, MINUTE, SECOND, parse_duration, parse_float};

/// A point in time and how much of time its text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParsedTime {
    /// Unix nanoseconds.
    pub ns: i64,
    /// The last nanosecond of the unit that the text names: of the year for `2023`, of the day for `2023-04-25`. Equal
    /// to `ns` for exact times.
    pub last_ns: i64,
}

impl ParsedTime {
    fn exact(ns: i64) -> Self {
        Self { ns, last_ns: ns }
    }
}

/// Reads `2023`, `2023-04`, ... `2023-04-25T22:45:59.123456789` with `Z` or `±hh:mm`; unix seconds, milliseconds,
/// microseconds or nanoseconds (by size, with fraction or exponent); `now`, `now-5m`, `-5m`, `5m`.
/// Times without a zone are in the zone `zone_offset` nanoseconds east of UTC; a fraction needs an explicit zone.
pub fn parse_time(s: &str, now: i64, zone_offset: i64) -> Option<ParsedTime> {
    if s == "now" {
        return Some(ParsedTime::exact(now));
    }
    let relative = s.starts_with('-') || s.starts_with("now") || s.ends_with(|c: char| c > '9' && c != 'Z');
    if relative {
        return parse_relative(s, now).map(ParsedTime::exact);
    }
    let (local, zone) = split_zone(s)?;
    if local.len() != 4 && !s.contains('-') {
        return parse_unix(s).map(ParsedTime::exact);
    }
    if local.contains('.') && zone.is_none() {
        return None;
    }
    parse_absolute(local, zone.unwrap_or(zone_offset))
}

/// Reads `hh:mm` up to `24:00` as nanoseconds since midnight; the end of the day is its last nanosecond.
pub fn parse_clock_time(s: &str) -> Option<i64> {
    let (h, m) = s.split_once(':')?;
    let (h, m) = (digits(h, 2)?, digits(m, 2)?);
    (h <= 24 && m < 60).then(|| (h * HOUR + m * MINUTE).min(DAY - 1))
}

/// The moment a duration ago; its sign does not matter, and a bare number is seconds.
fn parse_relative(s: &str, now: i64) -> Option<i64> {
    let ago = match s.strip_prefix("now") {
        Some(ago) => ago.strip_prefix('-')?,
        None => s.strip_prefix('-').unwrap_or(s),
    };
    let seconds = || parse_float(ago).map(|seconds| (seconds * SECOND as f64) as i64);
    let ago = parse_duration(ago).or_else(seconds)?;
    now.checked_sub(ago.checked_abs()?)
}

/// The local part and the zone's offset, if it has one.
fn split_zone(s: &str) -> Option<(&str, Option<i64>)> {
    if let Some(local) = s.strip_suffix('Z') {
        return Some((local, Some(0)));
    }
    if let Some((local, zone)) = s
        .len()
        .checked_sub(6)
        .filter(|&at| at > 0)
        .and_then(|at| s.split_at_checked(at))
        && zone.starts_with(['+', '-'])
        && zone.as_bytes().get(3) == Some(&b':')
    {
        return Some((local, Some(parse_zone(zone)?)));
    }
    Some((s, None))
}

fn parse_absolute(local: &str, zone: i64) -> Option<ParsedTime> {
    let (whole, fraction) = match local.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (local, None),
    };
    let (date, clock) = match whole.split_once('T') {
        Some((date, clock)) => (date, Some(clock)),
        None => (whole, None),
    };
    let (first, next) = parse_date(date, clock.is_some())?;
    let (mut start, mut end) = (ns_of_day(first, zone), ns_of_day(next, zone));
    if let Some(clock) = clock {
        let (offset, unit) = parse_clock(clock)?;
        start += i128::from(offset);
        end = start + i128::from(unit);
    }
    if let Some(fraction) = fraction {
        clock.filter(|clock| clock.len() == "15:04:05".len())?;
        start += i128::from(parse_fraction(fraction)?);
        end = start + if fraction.len() == 3 { 1_000_000 } else { 1 };
    }
    let last = i64::try_from(end - 1).unwrap_or(i64::MAX);
    Some(ParsedTime {
        ns: i64::try_from(start).ok()?,
        last_ns: last,
    })
}

/// The first day of what the text names, and the first day after it. A clock time needs a whole date.
fn parse_date(s: &str, whole: bool) -> Option<(Date, Date)> {
    let mut parts = s.splitn(3, '-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map(|month| digits(month, 2).ok_or(())).transpose().ok()?;
    let day = parts.next().map(|day| digits(day, 2).ok_or(())).transpose().ok()?;
    let first = Date::new(year, month.unwrap_or(1), day.unwrap_or(1))?;
    let next = match (month, day) {
        (_, Some(_)) => Date::from_days(first.days() + 1),
        _ if whole => return None,
        (Some(_), None) => first.next_month(),
        (None, None) if (1970..=2262).contains(&year) => Date::new(year + 1, 1, 1)?,
        (None, None) => return None,
    };
    Some((first, next))
}

/// Nanoseconds since midnight of `15`, `15:04` or `15:04:05`, and the unit that the text names.
fn parse_clock(s: &str) -> Option<(i64, i64)> {
    let mut parts = s.splitn(3, ':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map(|m| digits(m, 2).ok_or(())).transpose().ok()?;
    let second = parts.next().map(|s| digits(s, 2).ok_or(())).transpose().ok()?;
    let (m, s) = (minute.unwrap_or(0), second.unwrap_or(0));
    let unit = match (minute, second) {
        (None, _) => HOUR,
        (_, None) => MINUTE,
        _ => SECOND,
    };
    (hour < 24 && m < 60 && s < 60).then_some((hour * HOUR + m * MINUTE + s * SECOND, unit))
}

fn ns_of_day(date: Date, zone: i64) -> i128 {
    i128::from(date.days()) * i128::from(DAY) - i128::from(zone)
}

/// A unix time; its whole part tells the unit: seconds below 2^31, then milliseconds, microseconds, nanoseconds.
fn parse_unix(s: &str) -> Option<i64> {
    let (number, exponent) = match s.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<usize>().ok()?),
        None => (s, 0),
    };
    let (int, fraction) = number.split_once('.').unwrap_or((number, ""));
    let shown = !int.is_empty() && fraction.is_empty() != number.contains('.');
    let all_digits = int.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    if !shown || !all_digits || exponent > 18 {
        return None;
    }
    let moved = fraction.get(..exponent).unwrap_or(fraction);
    let zeros = "0".repeat(exponent - moved.len());
    let whole: i64 = format!("{int}{moved}{zeros}").parse().ok()?;
    // Seconds reach to 2038 in 31 bits; larger numbers are in the next smaller unit that brings them into that range.
    let unit = [SECOND, 1_000_000, 1_000]
        .into_iter()
        .find(|unit| whole < (SECOND / unit) << 31)
        .unwrap_or(1);
    let fraction = fraction.get(moved.len()..)?;
    let nanos = parse_fraction(fraction.get(..9).unwrap_or(fraction)).unwrap_or(0);
    whole
        .checked_mul(unit)?
        .checked_add(i64::try_from(i128::from(nanos) * i128::from(unit) / i128::from(SECOND)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::format_rfc3339;
    use super::*;

    fn range(s: &str) -> (String, String) {
        let time = parse_time(s, 1_000_000_000_000_000_000, HOUR).expect(s);
        (format_rfc3339(time.ns), format_rfc3339(time.last_ns))
    }

    #[test]
    fn absolute_times_cover_their_unit() {
        for (text, first, last) in [
            ("2023Z", "2023-01-01T00:00:00Z", "2023-12-31T23:59:59.999999999Z"),
            ("2023-02:00", "2023-01-01T02:00:00Z", "2024-01-01T01:59:59.999999999Z"),
            (
                "2024-02+02:25",
                "2024-01-31T21:35:00Z",
                "2024-02-29T21:34:59.999999999Z",
            ),
            ("2023-04-25Z", "2023-04-25T00:00:00Z", "2023-04-25T23:59:59.999999999Z"),
            (
                "2023-04-25T22",
                "2023-04-25T21:00:00Z",
                "2023-04-25T21:59:59.999999999Z",
            ),
            (
                "2023-04-25T22:45Z",
                "2023-04-25T22:45:00Z",
                "2023-04-25T22:45:59.999999999Z",
            ),
            (
                "2023-04-25T22:45:59Z",
                "2023-04-25T22:45:59Z",
                "2023-04-25T22:45:59.999999999Z",
            ),
            (
                "2023-04-25T22:45:59.123Z",
                "2023-04-25T22:45:59.123Z",
                "2023-04-25T22:45:59.123999999Z",
            ),
            (
                "2023-04-25T22:45:59.1234-01:00",
                "2023-04-25T23:45:59.1234Z",
                "2023-04-25T23:45:59.1234Z",
            ),
            ("2262Z", "2262-01-01T00:00:00Z", "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(range(text), (first.to_owned(), last.to_owned()), "{text}");
        }
    }

    #[test]
    fn unix_times_of_any_unit() {
        for (text, ns) in [
            ("1562529662", 1_562_529_662_000_000_000),
            ("1562529662.678", 1_562_529_662_678_000_000),
            ("1562529662678", 1_562_529_662_678_000_000),
            ("1562529662678.5", 1_562_529_662_678_500_000),
            ("1562529662678901", 1_562_529_662_678_901_000),
            ("1562529662678901234", 1_562_529_662_678_901_234),
            ("1.562529662678e9", 1_562_529_662_678_000_000),
            ("1.5", 1_500_000_000),
        ] {
            assert_eq!(parse_time(text, 0, 0), Some(ParsedTime::exact(ns)), "{text}");
        }
    }

    #[test]
    fn relative_times() {
        let now = 1_000_000_000_000;
        for (text, ns) in [
            ("now", now),
            ("now-5m", now - 5 * MINUTE),
            ("-5m", now - 5 * MINUTE),
            ("5m", now - 5 * MINUTE),
            ("now-10", now - 10 * SECOND),
        ] {
            assert_eq!(parse_time(text, now, HOUR), Some(ParsedTime::exact(ns)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for wrong in [
            "",
            "foo",
            "nowadays",
            "now+5m",
            "Z",
            "1969",
            "2263",
            "2023-13",
            "2023-02-30Z",
            "2023-04T10",
            "2023-01-02T04:05:06.789",
            "2023-01-02T04:05:06+12",
            "2023-01-02T24:00",
            "2023-ab",
            "234foo",
            "1e30",
            "1.",
            "12345Z",
            "0001-01-01Z",
            "2023-01-02T04:05.5Z",
        ] {
            assert_eq!(parse_time(wrong, 0, 0), None, "{wrong}");
        }
    }

    #[test]
    fn clock_times_end_with_the_day() {
        assert_eq!(parse_clock_time("24:00"), Some(DAY - 1));
        assert_eq!(parse_clock_time("10:20"), Some(10 * HOUR + 20 * MINUTE));
        assert_eq!(parse_clock_time("25:00").or(parse_clock_time("1:00")), None);
    }
}
