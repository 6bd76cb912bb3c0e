//! Tests of the time of a row, given as RFC 3339 text or as unix nanoseconds.

use common::query::logsql::value::{TimeRange, parse_int, parse_rfc3339};

use super::super::super::ast::{DayRange, WeekRange};

/// When a row must be.
#[derive(Debug, Clone)]
pub(super) enum TimeTest {
    Range(TimeRange),
    Day(DayRange),
    Week(WeekRange),
}

impl TimeTest {
    /// False for text that is no time.
    pub(super) fn matches(&self, time: &str) -> bool {
        let Some(ns) = parse_rfc3339(time).or_else(|| parse_int(time)) else {
            return false;
        };
        match self {
            Self::Range(range) => (range.start..=range.end).contains(&ns),
            Self::Day(range) => range.contains(ns),
            Self::Week(range) => range.contains(ns),
        }
    }
}
