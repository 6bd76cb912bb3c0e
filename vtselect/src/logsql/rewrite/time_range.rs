//! The time range that a query needs.

use super::super::ast::{Filter, Query};
use super::super::value::TimeRange;

impl Filter {
    /// The range outside of which no row can match, as far as `_time` filters on the top level say; it may be empty.
    pub fn time_range(&self) -> TimeRange {
        match self {
            Self::Time(time) => time.range,
            Self::And(filters) => {
                let times = filters.iter().filter_map(|filter| match filter {
                    Self::Time(time) => Some(time.range),
                    _ => None,
                });
                times.fold(TimeRange::ALL, TimeRange::intersect)
            }
            _ => TimeRange::ALL,
        }
    }
}

impl Query {
    /// The range outside of which no row can match.
    pub fn time_range(&self) -> TimeRange {
        self.filter.time_range()
    }

    /// True when the query itself bounds its time range on both sides.
    pub fn has_time_filter(&self) -> bool {
        self.time_range().is_bounded()
    }
}
