//! The flags of the receivers.

use common::config::{ByteSize, Period};
use common::time::{TimeRange, UnixNanos};
use std::time::Duration;

/// Flags of the receivers, under VictoriaTraces' names where it has them.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Insert")]
pub struct InsertConfig {
    /// The largest accepted OTLP request, as received and after decompression.
    #[arg(long = "opentelemetry.traces.maxRequestSize", default_value_t = MAX_REQUEST_SIZE, value_name = "SIZE")]
    pub insert_max_request_size: ByteSize,
    /// How many insert requests may be at work at a time, from the whole body received to the answer. More wait.
    #[arg(long = "maxConcurrentInserts", default_value_t = MAX_CONCURRENT, value_name = "N")]
    pub insert_max_concurrent: u32,
    /// How long an insert request waits for a free place or free memory before it is refused with status 429.
    #[arg(long = "insert.maxQueueDuration", default_value_t = MAX_QUEUE_DURATION, value_name = "PERIOD")]
    pub insert_max_queue_duration: Period,
    /// Memory for the bodies of all insert requests under way, compressed and decompressed. It is never less than
    /// what one largest request needs.
    #[arg(long = "insert.maxInflightBytes", default_value_t = MAX_INFLIGHT_BYTES, value_name = "SIZE")]
    pub insert_max_inflight_bytes: ByteSize,
    /// How long the body of an insert request may take to arrive.
    #[arg(long = "insert.readTimeout", default_value_t = READ_TIMEOUT, value_name = "PERIOD")]
    pub insert_read_timeout: Period,
    /// The most attributes of a span, and of each of its events and links, its scope and its resource. Spans with more are
    /// rejected.
    #[arg(long = "insert.maxAttributesPerSpan", default_value_t = MAX_ATTRIBUTES, value_name = "N")]
    pub insert_max_attributes: u32,
    /// The most levels of arrays and maps within an attribute's value. Spans with deeper values are rejected.
    #[arg(
        long = "insert.maxValueDepth",
        default_value_t = MAX_VALUE_DEPTH,
        value_parser = clap::value_parser!(u8).range(0..=64),
        value_name = "N"
    )]
    pub insert_max_value_depth: u8,
    /// The longest attribute key in bytes. Spans with longer keys are rejected.
    #[arg(long = "insert.maxKeyLength", default_value_t = MAX_KEY_LENGTH, value_name = "SIZE")]
    pub insert_max_key_length: ByteSize,
}

const MAX_REQUEST_SIZE: ByteSize = ByteSize::mib(64);
const MAX_CONCURRENT: u32 = 64;
const MAX_QUEUE_DURATION: Period = Period::from_secs(10);
const MAX_INFLIGHT_BYTES: ByteSize = ByteSize::mib(256);
const READ_TIMEOUT: Period = Period::from_secs(60);
const MAX_ATTRIBUTES: u32 = 10_000;
const MAX_VALUE_DEPTH: u8 = 32;
const MAX_KEY_LENGTH: ByteSize = ByteSize::kib(4);

impl Default for InsertConfig {
    /// What the flags are when none is given.
    fn default() -> Self {
        Self {
            insert_max_request_size: MAX_REQUEST_SIZE,
            insert_max_concurrent: MAX_CONCURRENT,
            insert_max_queue_duration: MAX_QUEUE_DURATION,
            insert_max_inflight_bytes: MAX_INFLIGHT_BYTES,
            insert_read_timeout: READ_TIMEOUT,
            insert_max_attributes: MAX_ATTRIBUTES,
            insert_max_value_depth: MAX_VALUE_DEPTH,
            insert_max_key_length: MAX_KEY_LENGTH,
        }
    }
}

impl InsertConfig {
    /// Memory for all requests: room for at least one of the largest, compressed, plain JSON and protobuf at once.
    pub(crate) fn memory(&self) -> usize {
        let one = self
            .insert_max_request_size
            .as_usize()
            .saturating_mul(4)
            .saturating_add(1 << 20);
        self.insert_max_inflight_bytes.as_usize().max(one)
    }
}

/// How far from now spans may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindow {
    /// The retention
    pub past: Duration,
    /// The future retention
    pub future: Duration,
}

impl TimeWindow {
    /// The window around `now`.
    pub fn around(&self, now: UnixNanos) -> TimeRange {
        TimeRange::new(now.saturating_sub(self.past), now.saturating_add(self.future))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    fn parse(args: &[&str]) -> Result<InsertConfig, clap::Error> {
        let command = InsertConfig::augment_args(clap::Command::new("test").no_binary_name(true));
        InsertConfig::from_arg_matches(&command.try_get_matches_from(args)?)
    }

    #[test]
    fn defaults_of_the_flags_and_of_the_type_agree() {
        assert_eq!(
            format!("{:?}", parse(&[]).unwrap()),
            format!("{:?}", InsertConfig::default())
        );
    }

    #[test]
    fn values_deeper_than_can_be_read_cannot_be_allowed() {
        assert_eq!(
            usize::from(parse(&["--insert.maxValueDepth=64"]).unwrap().insert_max_value_depth),
            64
        );
        assert_eq!(common::otlp::view::MAX_VALUE_DEPTH, 64);
        assert!(parse(&["--insert.maxValueDepth=65"]).is_err());
    }

    #[test]
    fn the_window_includes_both_ends() {
        let window = TimeWindow {
            past: Duration::from_secs(7),
            future: Duration::from_secs(2),
        };
        let range = window.around(UnixNanos::from_secs(100));
        assert_eq!(
            range,
            TimeRange::new(UnixNanos::from_secs(93), UnixNanos::from_secs(102))
        );
    }
}
