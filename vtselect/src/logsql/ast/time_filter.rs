//! Filters on the time of a row.

use std::fmt;

use super::super::value::{DAY, TimeRange, WEEK};

/// `_time:5m`, `_time:[a, b) offset 1h`: a range of time, with the moment of parsing as "now".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFilter {
    /// The range, the offset applied.
    pub range: TimeRange,
    /// The filter as the canonical text shows it, after `_time:`.
    pub text: String,
}

/// `_time:day_range[08:00, 18:00) offset 2h`: a part of every day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRange {
    /// First nanosecond of the day that is in the range.
    pub start: i64,
    /// Last nanosecond of the day that is in the range.
    pub end: i64,
    /// Nanoseconds by which the range lies later than the clock in UTC.
    pub offset: i64,
    /// The brackets, bounds and offset as the canonical text shows them.
    pub text: String,
}

/// `_time:week_range[Mon, Fri] offset 2h`: some days of every week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekRange {
    /// First day, 0 for Sunday; it may be after the last, then no day is in the range.
    pub start: i8,
    /// Last day, 6 for Saturday.
    pub end: i8,
    /// Nanoseconds by which the days lie later than those in UTC.
    pub offset: i64,
    /// The brackets, bounds and offset as the canonical text shows them.
    pub text: String,
}

impl DayRange {
    /// True when the unix time is in the range.
    pub fn contains(&self, ns: i64) -> bool {
        (self.start..=self.end).contains(&ns.saturating_sub(self.offset).rem_euclid(DAY))
    }
}

impl WeekRange {
    /// True when the unix time is in the range.
    pub fn contains(&self, ns: i64) -> bool {
        // 1970-01-01 was a Thursday, day 4.
        let day = ns.saturating_sub(self.offset).rem_euclid(WEEK) / DAY + 4;
        (i64::from(self.start)..=i64::from(self.end)).contains(&(day % 7))
    }
}

impl fmt::Display for TimeFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "_time:{}", self.text)
    }
}

impl fmt::Display for DayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "_time:day_range{}", self.text)
    }
}

impl fmt::Display for WeekRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "_time:week_range{}", self.text)
    }
}
