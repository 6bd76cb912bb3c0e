//! Counts of values in buckets of equal ratio, eighteen for each power of ten.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::Partial;

const PER_DECADE: i32 = 18;
const MIN_EXPONENT: i32 = -9;
const MAX_EXPONENT: i32 = 18;
const BUCKETS: i32 = (MAX_EXPONENT - MIN_EXPONENT) * PER_DECADE;

/// How many values are in each bucket. Negative values and what is not a number do not count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Histogram {
    /// By number of the bucket: -1 for what is below the first, [`BUCKETS`] for what is above the last.
    hits: BTreeMap<i32, u64>,
}

impl Histogram {
    /// Adds a value.
    pub fn update_f64(&mut self, value: f64) {
        self.update_f64_times(value, 1);
    }

    /// Adds the same value `times` times.
    pub fn update_f64_times(&mut self, value: f64, times: u64) {
        if value >= 0.0 {
            *self.hits.entry(bucket(value)).or_default() += times;
        }
    }

    /// The buckets with values, from the lowest: the range, such as `1.896e+00...2.154e+00`, and the hits.
    pub fn buckets(&self) -> impl Iterator<Item = (String, u64)> {
        self.hits.iter().map(|(bucket, hits)| (range(*bucket), *hits))
    }
}

/// A value on the border of two buckets is in the lower one.
fn bucket(value: f64) -> i32 {
    let position = (value.log10() - f64::from(MIN_EXPONENT)) * f64::from(PER_DECADE);
    if position < 0.0 {
        return -1;
    }
    if position >= f64::from(BUCKETS) {
        return BUCKETS;
    }
    let bucket = position as i32;
    if f64::from(bucket) == position && bucket > 0 {
        bucket - 1
    } else {
        bucket
    }
}

fn range(bucket: i32) -> String {
    match bucket {
        ..0 => format!("0...{}", border(0)),
        BUCKETS.. => format!("{}...+Inf", border(BUCKETS)),
        _ => format!("{}...{}", border(bucket), border(bucket + 1)),
    }
}

/// The lower border of a bucket, with three decimals and an exponent of at least two digits.
fn border(bucket: i32) -> String {
    let exponent = MIN_EXPONENT + bucket.div_euclid(PER_DECADE);
    let ratio = 10f64.powf(f64::from(bucket.rem_euclid(PER_DECADE)) / f64::from(PER_DECADE));
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{ratio:.3}e{sign}{:02}", exponent.abs())
}

impl Partial for Histogram {
    fn merge(&mut self, other: Self) {
        for (bucket, hits) in other.hits {
            *self.hits.entry(bucket).or_default() += hits;
        }
    }

    fn memory_bytes(&self) -> usize {
        self.hits.len() * 2 * size_of::<(i32, u64)>()
    }
}
