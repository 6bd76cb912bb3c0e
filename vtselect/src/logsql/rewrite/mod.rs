//! Decisions about a query that need only its tree: the canonical form, the time range, filters added by a request, and
//! what a statistics query returns.
//!
//! All are pure; none knows how a query is executed.

mod add_filters;
mod simplify;
mod stats_query;
mod time_range;

pub(super) use simplify::simplify;
pub use stats_query::{StatsColumns, StatsQueryError};

use super::ast::Query;

impl Query {
    /// True when every row can be passed on as soon as it arrives.
    pub fn can_live_tail(&self) -> bool {
        self.pipes.iter().all(|pipe| pipe.can_live_tail())
    }

    /// True when the last rows by time of the result come from the last rows by time that match the filter.
    pub fn can_return_last_rows(&self) -> bool {
        self.pipes.iter().all(|pipe| pipe.can_return_last_rows())
    }

    /// Drops all pipes.
    pub fn drop_pipes(&mut self) {
        self.pipes.clear();
    }
}
