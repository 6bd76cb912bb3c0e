//! The flags of the query side.

use crate::query::AllowPartial;
use clap::Args;
use common::config::{ByteSize, Period};
use std::time::Duration;

/// How queries are limited and served.
#[derive(Args, Clone, PartialEq, Debug)]
pub struct SelectConfig {
    /// The most traces that one search may ask for; a larger limit is refused.
    #[arg(long = "search.maxTraces", default_value_t = 10_000)]
    pub search_max_traces: usize,

    /// How long a query may take; a longer one is cancelled and answered with status 503.
    #[arg(long = "search.maxQueryDuration", default_value = "30s", value_parser = Period::parse_seconds)]
    pub search_max_query_duration: Period,

    /// How many queries run at a time; more wait for their turn. 0 means by the number of CPUs.
    #[arg(long = "search.maxConcurrentRequests", default_value_t = 0)]
    pub search_max_concurrent_requests: usize,

    /// How long a query waits for its turn; after that it is answered with status 429.
    #[arg(long = "search.maxQueueDuration", default_value = "10s", value_parser = Period::parse_seconds)]
    pub search_max_queue_duration: Period,

    /// The memory that one query may hold; a query that needs more is answered with status 422.
    #[arg(long = "search.maxMemoryPerQuery", default_value = "512MiB")]
    pub search_max_memory_per_query: ByteSize,

    /// Which queries may be answered without what storage nodes hold that cannot be reached: none, those for traces, or
    /// all (false and true mean none and all). Others fail with status 502. A request decides for itself by
    /// allow_partial_response=1 or 0.
    #[arg(long = "search.allowPartialResponse", default_value = "traces")]
    pub search_allow_partial_response: AllowPartial,

    /// Queries that take longer are logged; 0 logs none.
    #[arg(long = "search.logSlowQueryDuration", default_value = "5s", value_parser = Period::parse_seconds)]
    pub search_log_slow_query_duration: Period,

    /// The largest shift of a span's times that the Jaeger API makes where clocks of hosts disagree; 0 only warns.
    #[arg(long = "jaeger.maxClockSkewAdjust", default_value = "0s", value_parser = Period::parse_seconds)]
    pub jaeger_max_clock_skew_adjust: Period,

    /// Do not allow browsers to call the query APIs from pages of other sites.
    #[arg(long = "http.disableCORS")]
    pub http_disable_cors: bool,
}

impl SelectConfig {
    /// `--search.maxConcurrentRequests`, or by CPUs: twice as many as a small machine has, at most 16.
    pub fn concurrent_requests(&self) -> usize {
        if self.search_max_concurrent_requests > 0 {
            return self.search_max_concurrent_requests;
        }
        let cpus = std::thread::available_parallelism().map_or(2, |n| n.get());
        if cpus <= 4 { cpus * 2 } else { cpus.min(16) }
    }

    /// `--search.maxQueryDuration`.
    pub fn max_query_duration(&self) -> Duration {
        self.search_max_query_duration.into()
    }
}

impl Default for SelectConfig {
    /// Each flag's default.
    fn default() -> Self {
        Self {
            search_max_traces: 10_000,
            search_max_query_duration: Period::from_secs(30),
            search_max_concurrent_requests: 0,
            search_max_queue_duration: Period::from_secs(10),
            search_max_memory_per_query: ByteSize::mib(512),
            search_allow_partial_response: AllowPartial::Traces,
            search_log_slow_query_duration: Period::from_secs(5),
            jaeger_max_clock_skew_adjust: Period::default(),
            http_disable_cors: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    #[test]
    fn the_flags_defaults_are_the_default_values() {
        let command = SelectConfig::augment_args(clap::Command::new("vtselect").no_binary_name(true));
        let parsed = SelectConfig::from_arg_matches(&command.get_matches_from(Vec::<String>::new())).unwrap();
        assert_eq!(parsed, SelectConfig::default());
    }
}
