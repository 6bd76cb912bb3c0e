//! Buckets of values: `floor((value - offset) / size) * size + offset`, and calendar buckets of times.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use super::calendar::Date;
use super::{DAY, WEEK, format_duration, format_float, format_ipv4, format_rfc3339};
use super::{parse_duration, parse_float, parse_int, parse_ipv4, parse_ipv4_mask, parse_rfc3339, parse_size};

/// How large a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum BucketSize {
    /// A number, nanoseconds or bytes.
    Number(f64),
    /// A week that starts on Monday.
    Week,
    /// A month of the calendar, UTC.
    Month,
    /// A year of the calendar, UTC.
    Year,
}

impl BucketSize {
    /// Reads a number, a duration, a size, `/24`, or a unit of time from `nanosecond` to `year`.
    pub fn parse(s: &str) -> Option<Self> {
        let unit = match s {
            "nanosecond" => 1,
            "microsecond" => 1_000,
            "millisecond" => 1_000_000,
            "second" => super::SECOND,
            "minute" => super::MINUTE,
            "hour" => super::HOUR,
            "day" => DAY,
            "week" => return Some(Self::Week),
            "month" => return Some(Self::Month),
            "year" => return Some(Self::Year),
            _ => 0,
        };
        if unit != 0 {
            return Some(Self::Number(unit as f64));
        }
        let number = parse_number(s).or_else(|| parse_ipv4_mask(s).map(|n| n as f64))?;
        Some(Self::Number(number))
    }

    /// The size in whole units, at least one.
    fn whole(self) -> i64 {
        match self {
            Self::Number(size) => (size as i64).max(1),
            Self::Week => WEEK,
            Self::Month | Self::Year => 1,
        }
    }
}

/// A size and an offset that values are rounded down to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// How large.
    pub size: BucketSize,
    /// Where buckets start, in the unit of the size.
    pub offset: f64,
}

impl Bucket {
    /// Reads an offset: a number, a duration or a size.
    pub fn parse_offset(s: &str) -> Option<f64> {
        parse_number(s)
    }

    /// The start of the bucket of a time.
    pub fn truncate_time(&self, ns: i64) -> i64 {
        truncate_timestamp(ns, self.size, self.offset as i64)
    }

    /// The start of the bucket of a number.
    pub fn truncate_number(&self, f: f64) -> f64 {
        let size = match self.size {
            BucketSize::Number(size) if size > 0.0 => size,
            size => size.whole() as f64,
        };
        truncate_f64(f, size, self.offset)
    }

    /// The bucket of a value as text: integers, decimals, times, IPv4 addresses and durations are rounded down and
    /// printed in their form; any other text stays as it is.
    pub fn apply<'v>(&self, value: &'v str) -> Cow<'v, str> {
        if !value.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Cow::Borrowed(value);
        }
        let (size, offset) = (self.size.whole(), self.offset as i64);
        let text = if let Some(n) = parse_int(value) {
            truncate_i64(n, size, offset).to_string()
        } else if let Some(f) = parse_float(value) {
            format_float(self.truncate_number(f))
        } else if let Some(ns) = parse_rfc3339(value) {
            format_rfc3339(self.truncate_time(ns))
        } else if let Some(address) = parse_ipv4(value) {
            format_ipv4(truncate_ipv4(address, size, offset))
        } else if let Some(ns) = parse_duration(value) {
            format_duration(truncate_i64(ns, size, offset))
        } else {
            return Cow::Borrowed(value);
        };
        Cow::Owned(text)
    }
}

/// Rounds down to a multiple of `size` (at least 1) from `offset`; at least `i64::MIN`.
pub fn truncate_i64(n: i64, size: i64, offset: i64) -> i64 {
    let (n, size, offset) = (i128::from(n), i128::from(size.max(1)), i128::from(offset));
    let start = n - (n - offset).rem_euclid(size);
    i64::try_from(start).unwrap_or(i64::MIN)
}

/// As [`truncate_i64`]; what is below the offset goes to bucket 0.
pub fn truncate_u64(n: u64, size: u64, offset: u64) -> u64 {
    match n.checked_sub(offset) {
        Some(from_offset) => from_offset - from_offset % size.max(1) + offset,
        None => 0,
    }
}

/// Rounds down to a multiple of `size` from `offset`, counting in units of the last decimal digit of `size`, so that
/// buckets of 0.1 print as `1.3`, not `1.3000000000000003`.
pub fn truncate_f64(f: f64, size: f64, offset: f64) -> f64 {
    let Some((mantissa, scale)) = decimal_parts(size).filter(|_| f.is_finite()) else {
        return f;
    };
    let from_offset = f - offset;
    let scaled = scale.up(from_offset);
    let nearest = scaled.round();
    let units = if scale.down(nearest) == from_offset {
        nearest
    } else {
        scaled.floor()
    };
    scale.down(units - units.rem_euclid(mantissa)) + offset
}

/// The start of the bucket of a time, all in nanoseconds; `offset` moves the starts of the buckets.
pub fn truncate_timestamp(ns: i64, size: BucketSize, offset: i64) -> i64 {
    match size {
        BucketSize::Number(_) => truncate_i64(ns, size.whole(), offset),
        // 1970-01-01 was a Thursday, four days before a Monday.
        BucketSize::Week => truncate_i64(ns, WEEK, offset.saturating_add(4 * DAY)),
        BucketSize::Month | BucketSize::Year => {
            let date = Date::from_days(ns.saturating_sub(offset).div_euclid(DAY));
            let month = if size == BucketSize::Month { date.month } else { 1 };
            Date { month, day: 1, ..date }
                .days()
                .saturating_mul(DAY)
                .saturating_add(offset)
        }
    }
}

fn truncate_ipv4(address: u32, size: i64, offset: i64) -> u32 {
    let (size, offset) = (u64::try_from(size).unwrap_or(1), u64::try_from(offset).unwrap_or(0));
    u32::try_from(truncate_u64(u64::from(address), size, offset)).unwrap_or(u32::MAX)
}

fn parse_number(s: &str) -> Option<f64> {
    parse_float(s)
        .or_else(|| parse_duration(s).map(|ns| ns as f64))
        .or_else(|| parse_size(s).map(|bytes| bytes as f64))
}

/// A power of ten as something to multiply or divide by, whichever is exact.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Scale {
    exponent: i32,
}

impl Scale {
    fn up(self, f: f64) -> f64 {
        if self.exponent < 0 {
            f * 10f64.powi(-self.exponent)
        } else {
            f / 10f64.powi(self.exponent)
        }
    }

    fn down(self, f: f64) -> f64 {
        if self.exponent < 0 {
            f / 10f64.powi(-self.exponent)
        } else {
            f * 10f64.powi(self.exponent)
        }
    }
}

/// A positive number as `mantissa * 10^exponent` with a whole mantissa.
fn decimal_parts(size: f64) -> Option<(f64, Scale)> {
    if !(size.is_finite() && size > 0.0) {
        return None;
    }
    let text = format!("{size:e}");
    let (digits, exponent) = text.split_once('e')?;
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let exponent = exponent.parse::<i32>().ok()? - i32::try_from(decimals).ok()?;
    Some((digits.replace('.', "").parse().ok()?, Scale { exponent }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(size: &str, offset: &str) -> Bucket {
        let offset = if offset.is_empty() {
            0.0
        } else {
            Bucket::parse_offset(offset).expect(offset)
        };
        Bucket {
            size: BucketSize::parse(size).expect(size),
            offset,
        }
    }

    #[test]
    fn numbers_round_down_also_below_zero() {
        for (n, expected) in [(99, 0), (-1, -100), (-100, -100), (-101, -200)] {
            assert_eq!(truncate_i64(n, 100, 0), expected);
        }
        assert_eq!(truncate_i64(1, 100, 10), -90);
        assert_eq!((truncate_u64(1, 100, 10), truncate_u64(120, 100, 30)), (0, 30));
        for (f, size, offset, expected) in [
            (1.25, 0.1, 0.0, 1.2),
            (-0.25, 0.1, 0.0, -0.3),
            (-0.01, 0.1, 0.05, -0.05),
            (-101.0, 250.0, 0.0, -250.0),
            (0.29, 0.01, 0.0, 0.29),
        ] {
            assert_eq!(truncate_f64(f, size, offset), expected, "{f} {size} {offset}");
        }
        assert_eq!(truncate_i64(i64::MIN, 7, 100), i64::MIN);
    }

    #[test]
    fn values_keep_their_form() {
        for (size, offset, value, expected) in [
            ("100", "", "-1", "-100"),
            ("0.1", "", "1.312", "1.3"),
            ("1m", "", "2024-05-06T07:08:09.5Z", "2024-05-06T07:08:00Z"),
            ("month", "4h", "2025-01-31T23:20:30Z", "2025-01-01T04:00:00Z"),
            ("week", "", "1970-01-01T00:00:00Z", "1969-12-29T00:00:00Z"),
            ("/24", "", "1.2.3.4", "1.2.3.0"),
            ("5s", "", "12.5s", "10s"),
            ("5s", "", "foo", "foo"),
            ("5s", "", "", ""),
        ] {
            assert_eq!(bucket(size, offset).apply(value), expected, "{value} by {size}");
        }
    }
}
