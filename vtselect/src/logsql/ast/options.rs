//! Options in front of a query: `options(concurrency=2, ...)`.

use std::fmt;

use super::super::quote::Verbatim;
use super::Filter;
use super::field::write_separated;

/// The options of a query. A subquery has those of the query around it unless it sets its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryOptions {
    /// Most workers per node, at most 1024; 0 when not given.
    pub concurrency: u32,
    /// Most parallel readers per node; 0 when not given.
    pub parallel_readers: u64,
    /// The time range of the request is not added to the query.
    pub ignore_global_time_filter: Option<bool>,
    /// An answer that lacks the data of some nodes is better than none.
    pub allow_partial_response: Option<bool>,
    /// The time filters see times shifted into the past by this many nanoseconds, and the text of it.
    pub time_offset: Option<(i64, String)>,
    /// A filter for the query and all its subqueries.
    pub global_filter: Option<Box<Filter>>,
}

impl QueryOptions {
    /// True when nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn settings(&self) -> Vec<String> {
        let mut settings = Vec::new();
        if self.concurrency > 0 {
            settings.push(format!("concurrency={}", self.concurrency));
        }
        if self.parallel_readers > 0 {
            settings.push(format!("parallel_readers={}", self.parallel_readers));
        }
        settings.extend(
            self.ignore_global_time_filter
                .map(|on| format!("ignore_global_time_filter={on}")),
        );
        settings.extend(
            self.allow_partial_response
                .map(|on| format!("allow_partial_response={on}")),
        );
        settings.extend(
            self.time_offset
                .as_ref()
                .map(|(_, text)| format!("time_offset={}", Verbatim(text))),
        );
        settings.extend(
            self.global_filter
                .as_ref()
                .map(|filter| format!("global_filter=({filter})")),
        );
        settings
    }
}

impl fmt::Display for QueryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("options(")?;
        write_separated(f, self.settings(), ", ")?;
        f.write_str(")")
    }
}
