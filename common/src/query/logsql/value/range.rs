//! A range of time, both ends inclusive.

/// Unix nanoseconds from `start` to `end`, both inclusive; `i64::MIN` and `i64::MAX` stand for "unbounded".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// First nanosecond.
    pub start: i64,
    /// Last nanosecond.
    pub end: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self {
        start: i64::MIN,
        end: i64::MAX,
    };

    /// What is in both; it may be empty.
    pub fn intersect(self, other: Self) -> Self {
        Self {
            start: self.start.max(other.start),
            end: self.end.min(other.end),
        }
    }

    /// True when no nanosecond is in it.
    pub fn is_empty(self) -> bool {
        self.start > self.end
    }

    /// True when both ends are given.
    pub fn is_bounded(self) -> bool {
        self.start != i64::MIN && self.end != i64::MAX
    }

    /// The range `offset` nanoseconds earlier; ends stop at the ends of time.
    pub fn earlier(self, offset: i64) -> Self {
        Self {
            start: self.start.saturating_sub(offset),
            end: self.end.saturating_sub(offset),
        }
    }

    /// Its length in nanoseconds, when bounded and not empty.
    pub fn length(self) -> Option<u64> {
        (self.is_bounded() && !self.is_empty()).then(|| self.end.abs_diff(self.start).saturating_add(1))
    }
}
