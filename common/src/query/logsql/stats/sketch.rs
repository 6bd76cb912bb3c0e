//! Counts of numbers in buckets so narrow that the middle of a bucket is near to each number in it.
//!
//! A bucket is a range of the leading bits of a number: its exponent and some bits of its mantissa. So the error is a
//! share of the number, whatever its size, and finding the bucket takes no logarithm.

use super::Partial;
use crate::wire::packed;
use serde::{Deserialize, Serialize, Serializer};

/// Bits of the mantissa that tell buckets apart.
const BITS: u32 = 7;
const SHIFT: u32 = 52 - BITS;
/// Of all positive numbers
const BUCKETS: usize = 1 << (63 - SHIFT);
/// The middle of a bucket is at most this share of a number away from it.
pub(super) const RELATIVE_ERROR: f64 = 1.0 / (1 << (BITS + 1)) as f64;

/// Numbers, by bucket.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Sketch {
    negative: Buckets,
    zeros: u64,
    positive: Buckets,
}

/// Counts of numbers by the leading bits of their size, from the bucket `first` on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "ReceivedBuckets")]
struct Buckets {
    first: usize,
    #[serde(serialize_with = "packed_hits")]
    hits: Vec<u64>,
    total: u64,
}

/// Most hits are few: they are sent in as many bytes as the largest needs.
fn packed_hits<S: Serializer>(hits: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    let hits: Vec<i64> = hits.iter().map(|hits| hits.cast_signed()).collect();
    packed::serialize(&hits, serializer)
}

/// Buckets from another node, to be checked: far ones would take a lot of memory when they are merged.
#[derive(Deserialize)]
struct ReceivedBuckets {
    first: usize,
    #[serde(with = "packed")]
    hits: Vec<i64>,
    total: u64,
}

impl TryFrom<ReceivedBuckets> for Buckets {
    type Error = &'static str;

    fn try_from(received: ReceivedBuckets) -> Result<Self, Self::Error> {
        let ReceivedBuckets { first, hits, total } = received;
        if first.saturating_add(hits.len()) > BUCKETS {
            return Err("a bucket of no number");
        }
        let hits: Vec<u64> = hits.into_iter().map(i64::cast_unsigned).collect();
        let sum = hits.iter().try_fold(0u64, |sum, hits| sum.checked_add(*hits));
        match sum == Some(total) {
            true => Ok(Self { first, hits, total }),
            false => Err("buckets with another total"),
        }
    }
}

impl Sketch {
    /// Counts a number `times` times. It must be a number.
    pub(super) fn add(&mut self, value: f64, times: u64) {
        let bucket = bucket_of(value.abs());
        if value > 0.0 {
            self.positive.add(bucket, times);
        } else if value < 0.0 {
            self.negative.add(bucket, times);
        } else {
            self.zeros += times;
        }
    }

    /// Counts integers of which `least` and `greatest` are the ends.
    pub(super) fn add_ints(&mut self, values: &[i64], (least, greatest): (i64, i64)) {
        if least > 0 {
            self.positive.add_ints(values, (least, greatest));
        } else {
            values.iter().for_each(|value| self.add(*value as f64, 1));
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.negative.total + self.zeros + self.positive.total
    }

    /// The number with so many numbers below it, up to the relative error.
    pub(super) fn at(&self, rank: u64) -> f64 {
        if let Some(rank) = rank.checked_sub(self.negative.total) {
            return match rank.checked_sub(self.zeros) {
                Some(rank) => self.positive.at(rank),
                None => 0.0,
            };
        }
        // The greatest size is the least number.
        -self.negative.at(self.negative.total - 1 - rank)
    }
}

/// The bucket of a number that is not negative.
#[inline]
fn bucket_of(value: f64) -> usize {
    (value.to_bits() >> SHIFT) as usize
}

impl Buckets {
    /// Positive integers, whose ends make the room.
    fn add_ints(&mut self, values: &[i64], (least, greatest): (i64, i64)) {
        self.make_room(bucket_of(least as f64));
        self.make_room(bucket_of(greatest as f64));
        let first = self.first;
        for value in values {
            let place = bucket_of(*value as f64).wrapping_sub(first);
            if let Some(hits) = self.hits.get_mut(place) {
                *hits += 1;
            }
        }
        self.total += values.len() as u64;
    }

    fn add(&mut self, bucket: usize, times: u64) {
        if let Some(hits) = bucket.checked_sub(self.first).and_then(|at| self.hits.get_mut(at)) {
            *hits += times;
        } else {
            self.make_room(bucket);
            if let Some(hits) = bucket.checked_sub(self.first).and_then(|at| self.hits.get_mut(at)) {
                *hits += times;
            }
        }
        self.total += times;
    }

    fn merge(&mut self, other: Self) {
        let Some(last) = other.hits.len().checked_sub(1) else {
            return;
        };
        self.make_room(other.first);
        self.make_room(other.first + last);
        let mine = self.hits.iter_mut().skip(other.first.saturating_sub(self.first));
        mine.zip(&other.hits).for_each(|(mine, theirs)| *mine += theirs);
        self.total += other.total;
    }

    fn make_room(&mut self, bucket: usize) {
        if self.hits.is_empty() {
            self.first = bucket;
        }
        if let Some(missing) = self.first.checked_sub(bucket).filter(|missing| *missing > 0) {
            self.hits.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = bucket;
        }
        let needed = bucket - self.first + 1;
        if self.hits.len() < needed {
            self.hits.resize(needed, 0);
        }
    }

    fn at(&self, rank: u64) -> f64 {
        let mut below = 0;
        for (bucket, hits) in (self.first..).zip(&self.hits) {
            below += hits;
            if rank < below {
                return middle(bucket);
            }
        }
        self.first.checked_add(self.hits.len()).map_or(0.0, middle)
    }
}

fn middle(bucket: usize) -> f64 {
    let border = |bucket: usize| f64::from_bits((bucket as u64) << SHIFT);
    let (low, high) = (border(bucket), border(bucket + 1));
    if high.is_finite() {
        low + (high - low) / 2.0
    } else {
        low
    }
}

impl Partial for Sketch {
    fn merge(&mut self, other: Self) {
        self.zeros += other.zeros;
        self.negative.merge(other.negative);
        self.positive.merge(other.positive);
    }

    fn memory_bytes(&self) -> usize {
        (self.negative.hits.capacity() + self.positive.hits.capacity()) * size_of::<u64>()
    }
}
