//! Points in time and ranges of them, in nanoseconds since the Unix epoch.

use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch, as OTLP carries them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
pub struct UnixNanos(pub u64);

/// Nanoseconds in a UTC day: the width of a partition.
pub const NANOS_PER_DAY: u64 = 86_400 * 1_000_000_000;

impl UnixNanos {
    pub const MAX: Self = Self(u64::MAX);

    /// The wall clock now; 0 before 1970.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    pub fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    pub fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    pub fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Days since 1970-01-01 (UTC).
    pub fn day(self) -> u32 {
        (self.0 / NANOS_PER_DAY) as u32
    }

    pub fn saturating_sub(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    pub fn saturating_add(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// A range of span start times; both ends are included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimeRange {
    pub start: UnixNanos,
    pub end: UnixNanos,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self {
        start: UnixNanos(0),
        end: UnixNanos::MAX,
    };

    pub fn new(start: UnixNanos, end: UnixNanos) -> Self {
        Self { start, end }
    }

    pub fn contains(&self, at: UnixNanos) -> bool {
        self.start <= at && at <= self.end
    }

    /// Whether any instant from `first` to `last`, both included, lies in the range.
    pub fn overlaps(&self, first: UnixNanos, last: UnixNanos) -> bool {
        self.start <= last && first <= self.end
    }

    pub fn is_empty(&self) -> bool {
        self.start > self.end
    }
}
