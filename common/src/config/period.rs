//! A length of time as people write it: `7d`, `12h`, `1h30m`, `250ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// A month counts 31 days, as VictoriaMetrics counts it: what shall be kept a month is kept in every month.
const MONTH: u64 = 31 * DAY;

/// Units in milliseconds. `m` is a minute, `M` a month of 31 days, `y` a year of 365 days.
const UNITS: [(&str, u64); 8] = [
    ("ms", 1),
    ("s", SECOND),
    ("m", MINUTE),
    ("h", HOUR),
    ("d", DAY),
    ("w", 7 * DAY),
    ("M", MONTH),
    ("y", 365 * DAY),
];

/// A length of time in whole milliseconds. Reads numbers (decimals allowed) each followed by one of `ms`, `s`, `m`
/// (minute), `h`, `d`, `w`, `M` (31 days), `y` (365 days), without spaces. A number without a unit is refused except
/// for `0`; a flag for which it has a meaning says so by its own parser ([`Period::parse_months`],
/// [`Period::parse_seconds`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Period {
    millis: u64,
}

/// A text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a length of time such as 7d, 12h, 1h30m or 250ms, got {0:?}")]
pub struct PeriodError(String);

impl Period {
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    pub const fn from_secs(seconds: u64) -> Self {
        Self {
            millis: seconds * SECOND,
        }
    }

    pub const fn from_days(days: u64) -> Self {
        Self { millis: days * DAY }
    }

    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    pub const fn is_zero(self) -> bool {
        self.millis == 0
    }

    /// Reads a period in which a number without a unit counts months, as `-retentionPeriod` of VictoriaMetrics does.
    pub fn parse_months(text: &str) -> Result<Self, PeriodError> {
        parse(text, Some(MONTH))
    }

    /// Reads a period in which a number without a unit counts seconds.
    pub fn parse_seconds(text: &str) -> Result<Self, PeriodError> {
        parse(text, Some(SECOND))
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        period.as_duration()
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        parse(text, None)
    }
}

fn parse(text: &str, bare_unit: Option<u64>) -> Result<Period, PeriodError> {
    let trimmed = text.trim();
    let millis = match parse_number(trimmed) {
        Some(number) => bare_unit
            .or((number == 0.0).then_some(1))
            .and_then(|unit| in_millis(number, unit)),
        None => parse_units(trimmed),
    };
    millis
        .map(Period::from_millis)
        .ok_or_else(|| PeriodError(text.chars().take(80).collect()))
}

/// A sequence of at least one number with its unit.
fn parse_units(mut text: &str) -> Option<u64> {
    let mut total = 0u64;
    loop {
        let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at(number_end);
        let unit_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(in_millis(parse_number(number)?, *factor)?)?;
        if rest.is_empty() {
            return Some(total);
        }
        text = rest;
    }
}

/// Decimal digits with at most one point; not the exponents, signs and names that `f64` reads too.
fn parse_number(text: &str) -> Option<f64> {
    text.bytes()
        .all(|b| b.is_ascii_digit() || b == b'.')
        .then(|| text.parse().ok())
        .flatten()
}

fn in_millis(number: f64, unit: u64) -> Option<u64> {
    let millis = (number * unit as f64).round();
    // i64 nanoseconds bound every time in the product; leave the same room here.
    (millis < (i64::MAX / 1_000_000) as f64).then_some(millis as u64)
}

impl fmt::Display for Period {
    /// Falling units from days to milliseconds, such as `7d`, `1h30m`, `0s`: it reads back as the same period.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millis == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.millis;
        for (unit, factor) in [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1)] {
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_add_up() {
        for (text, seconds) in [
            ("7d", 7 * 86_400),
            ("30d", 30 * 86_400),
            ("12h", 12 * 3_600),
            ("1w", 7 * 86_400),
            ("1y", 365 * 86_400),
            ("1M", 31 * 86_400),
            ("30m", 1_800),
            ("15s", 15),
            ("1h30m", 5_400),
            ("1.5h", 5_400),
            ("0", 0),
        ] {
            assert_eq!(text.parse::<Period>().unwrap(), Period::from_secs(seconds), "{text}");
        }
        assert_eq!(
            "250ms".parse::<Period>().unwrap().as_duration(),
            Duration::from_millis(250)
        );
    }

    #[test]
    fn a_bare_number_needs_a_flag_that_gives_it_a_unit() {
        assert!("3".parse::<Period>().is_err());
        assert_eq!(Period::parse_months("3").unwrap(), Period::from_days(93));
        assert_eq!(Period::parse_seconds("3").unwrap(), Period::from_secs(3));
        assert_eq!(Period::parse_months("36h").unwrap(), Period::from_secs(36 * 3_600));
    }

    #[test]
    fn what_is_not_a_period_is_refused() {
        for text in [
            "",
            "d",
            "-1d",
            "1 d",
            "1x",
            "1d2",
            "1e3s",
            "inf",
            "NaN",
            "99999999999y",
            ".",
            "1D",
            "é1d",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text:?}");
            assert!(Period::parse_seconds(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn periods_print_in_falling_units() {
        assert_eq!(Period::from_days(14).to_string(), "14d");
        assert_eq!(Period::from_secs(5_400).to_string(), "1h30m");
        assert_eq!(Period::from_millis(1_250).to_string(), "1s250ms");
        assert_eq!(Period::default().to_string(), "0s");
    }

    proptest! {
        #[test]
        fn every_period_reads_as_it_prints(millis in 0u64..100 * 365 * DAY) {
            let period = Period::from_millis(millis);
            prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
        }
    }
}
