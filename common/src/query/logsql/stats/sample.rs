//! A uniform sample of texts that merges: each text gets a number by chance, and those with the least numbers stay.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::super::order::OrderKey;
use super::{Partial, Text};

/// Least number of texts that are kept of many; at most twice as many are.
const SIZE: usize = 4_096;

/// A sample, and of how many texts it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sample {
    /// Every text that was seen with a number up to `most`.
    kept: Vec<(u64, Text)>,
    most: u64,
    seen: u64,
    bytes: usize,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            most: u64::MAX,
            seen: 0,
            bytes: 0,
        }
    }
}

impl Sample {
    pub(super) fn add(&mut self, value: Text) {
        // The chance is the hash of the text and its place, so that the same rows give the same sample.
        let chance = xxh3_64_with_seed(value.as_bytes(), self.seen);
        self.seen += 1;
        self.keep(chance, value);
    }

    /// How many texts were seen.
    pub(super) fn count(&self) -> u64 {
        self.seen
    }

    /// The text with about so many texts before it in natural order.
    pub(super) fn at(&self, rank: u64) -> Text {
        let mut sorted: Vec<_> = self
            .kept
            .iter()
            .map(|(_, value)| (OrderKey::new(value), value))
            .collect();
        sorted.sort_unstable();
        let share = rank as f64 / self.seen.max(1) as f64;
        let place = ((share * sorted.len() as f64) as usize).min(sorted.len().saturating_sub(1));
        sorted
            .get(place)
            .map_or_else(Text::default, |(_, value)| (*value).clone())
    }

    fn keep(&mut self, chance: u64, value: Text) {
        if chance > self.most {
            return;
        }
        self.bytes += value.len();
        self.kept.push((chance, value));
        if self.kept.len() >= 2 * SIZE {
            let (_, (most, _), _) = self.kept.select_nth_unstable_by_key(SIZE, |(chance, _)| *chance);
            let most = *most;
            self.lower(most);
        }
    }

    /// Drops the texts with a number above `most`.
    fn lower(&mut self, most: u64) {
        self.most = most;
        self.kept.retain(|(chance, _)| *chance <= most);
        self.bytes = self.kept.iter().map(|(_, value)| value.len()).sum();
    }
}

impl Partial for Sample {
    fn merge(&mut self, other: Self) {
        self.seen += other.seen;
        if other.most < self.most {
            self.lower(other.most);
        }
        other
            .kept
            .into_iter()
            .for_each(|(chance, value)| self.keep(chance, value));
    }

    fn memory_bytes(&self) -> usize {
        self.kept.capacity() * (size_of::<(u64, Text)>() + 16) + self.bytes
    }
}
