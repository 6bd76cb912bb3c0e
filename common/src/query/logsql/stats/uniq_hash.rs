//! Sets of hashes of distinct values.

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Partial;
use super::uniq::encode_tuple;

/// Distinct tuples of values by their 64-bit hash, at most `limit` of them unless that is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqHash {
    limit: u64,
    #[serde(with = "crate::wire::set")]
    hashes: HashSet<u64>,
}

impl UniqHash {
    /// No values yet.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            hashes: HashSet::new(),
        }
    }

    /// Adds a value.
    pub fn update_text(&mut self, value: &str) {
        self.insert(xxh3_64(value.as_bytes()));
    }

    /// Adds a tuple of more than one value; `buffer` saves allocations.
    pub fn update_tuple<'v>(&mut self, values: impl IntoIterator<Item = &'v str>, buffer: &mut String) {
        buffer.clear();
        encode_tuple(values, buffer);
        self.update_text(buffer);
    }

    /// The number of distinct hashes.
    pub fn count(&self) -> u64 {
        let count = self.hashes.len() as u64;
        if self.limit > 0 { count.min(self.limit) } else { count }
    }

    /// More values would not change the result.
    pub fn is_full(&self) -> bool {
        self.limit > 0 && self.count() >= self.limit
    }

    fn insert(&mut self, hash: u64) {
        if !self.is_full() {
            self.hashes.insert(hash);
        }
    }
}

impl Partial for UniqHash {
    fn merge(&mut self, mut other: Self) {
        if self.hashes.len() < other.hashes.len() {
            std::mem::swap(&mut self.hashes, &mut other.hashes);
        }
        other.hashes.into_iter().for_each(|hash| self.insert(hash));
    }

    fn memory_bytes(&self) -> usize {
        self.hashes.capacity() * (size_of::<u64>() + 1)
    }
}
