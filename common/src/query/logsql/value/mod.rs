//! Values of the language: numbers, durations, sizes, times and addresses as text, and buckets of them.
//!
//! All readers return `None` for text that is not wholly of the form; nothing here allocates unless it prints.

mod bucket;
mod calendar;
mod decimal;
mod duration;
mod ipv4;
mod number;
mod range;
mod size;
mod time;
mod timestamp;

pub use bucket::{Bucket, BucketSize, truncate_f64, truncate_i64, truncate_timestamp, truncate_u64};
pub use duration::{format_duration, parse_duration};
pub use ipv4::{format_ipv4, parse_ipv4, parse_ipv4_cidr, parse_ipv4_mask, parse_ipv6, parse_ipv6_cidr};
pub use number::{
    format_float, is_number_prefix, parse_canonical_int, parse_float, parse_float_exact, parse_int, parse_length,
    parse_number, parse_number_or_unit, parse_uint,
};
pub use range::TimeRange;
pub use size::parse_size;
pub use time::{ParsedTime, parse_clock_time, parse_time};
pub use timestamp::{format_iso8601, format_rfc3339, parse_iso8601, parse_rfc3339, write_rfc3339};

/// Nanoseconds in a second and in the longer units.
pub const SECOND: i64 = 1_000_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
pub const WEEK: i64 = 7 * DAY;
