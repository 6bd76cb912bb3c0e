//! All values, in the order they came.

use super::{Partial, Text};
use serde::{Deserialize, Serialize};

/// Values, at most `limit` of them unless that is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    limit: u64,
    values: Vec<Text>,
    text_bytes: usize,
}

impl Values {
    /// No values yet.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            values: Vec::new(),
            text_bytes: 0,
        }
    }

    /// Adds a value, also an empty one.
    pub fn update_text(&mut self, value: Text) {
        if !self.is_full() {
            self.text_bytes += value.len();
            self.values.push(value);
        }
    }

    /// More values would not be kept.
    pub fn is_full(&self) -> bool {
        self.limit > 0 && self.values.len() as u64 >= self.limit
    }

    /// The values.
    pub fn get(&self) -> &[Text] {
        &self.values
    }
}

impl Partial for Values {
    fn merge(&mut self, other: Self) {
        other.values.into_iter().for_each(|value| self.update_text(value));
    }

    fn memory_bytes(&self) -> usize {
        self.values.capacity() * (size_of::<Text>() + 16) + self.text_bytes
    }
}
