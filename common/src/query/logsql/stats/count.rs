//! Counts.

use super::Partial;
use serde::{Deserialize, Serialize};

/// A number of rows or bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Count(u64);

impl Count {
    /// Counts `n` more.
    pub fn add(&mut self, n: u64) {
        self.0 = self.0.saturating_add(n);
    }

    /// The number so far.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl Partial for Count {
    fn merge(&mut self, other: Self) {
        self.add(other.0);
    }

    fn memory_bytes(&self) -> usize {
        0
    }
}
