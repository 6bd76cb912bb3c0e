//! Distinct values, to be listed.

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use super::super::order::OrderKey;
use super::{Partial, Text};

/// About how much memory an entry takes besides its text.
const ENTRY_BYTES: usize = 40;

/// Distinct values that are not empty, at most `limit` of them unless that is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    limit: u64,
    #[serde(with = "crate::wire::set")]
    values: HashSet<Text>,
    text_bytes: usize,
}

impl Texts {
    /// No values yet.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            values: HashSet::new(),
            text_bytes: 0,
        }
    }

    /// Adds a value unless it is empty.
    pub fn update_text(&mut self, value: &Text) {
        if !self.is_full() && !value.is_empty() && !self.values.contains(value) {
            self.text_bytes += value.len();
            self.values.insert(value.clone());
        }
    }

    /// More values would not be kept.
    pub fn is_full(&self) -> bool {
        self.limit > 0 && self.values.len() as u64 >= self.limit
    }

    /// The values in natural order.
    pub fn sorted(&self) -> Vec<Text> {
        let mut values: Vec<_> = self.values.iter().map(|value| (OrderKey::new(value), value)).collect();
        values.sort_unstable();
        values.into_iter().map(|(_, value)| value.clone()).collect()
    }
}

impl Partial for Texts {
    fn merge(&mut self, mut other: Self) {
        if self.values.len() < other.values.len() {
            std::mem::swap(self, &mut other);
        }
        other.values.iter().for_each(|value| self.update_text(value));
    }

    fn memory_bytes(&self) -> usize {
        self.values.capacity() * ENTRY_BYTES + self.text_bytes
    }
}
