//! Exact sets of distinct values.

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use super::super::value::parse_canonical_int;
use super::Partial;
use super::text_set::TextSet;

/// Distinct tuples of values, at most `limit` of them unless that is 0. Integers take no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uniq {
    limit: u64,
    #[serde(with = "crate::wire::set")]
    ints: HashSet<i64>,
    texts: TextSet,
}

impl Uniq {
    /// No values yet.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            ints: HashSet::new(),
            texts: TextSet::default(),
        }
    }

    /// Adds an integer.
    pub fn update_i64(&mut self, value: i64) {
        if !self.is_full() {
            self.ints.insert(value);
        }
    }

    /// Adds a value, or a tuple of values in the form of [`encode_tuple`].
    pub fn update_text(&mut self, value: &str) {
        if self.is_full() {
            return;
        }
        if let Some(n) = parse_canonical_int(value) {
            self.ints.insert(n);
        } else {
            self.texts.insert(value);
        }
    }

    /// The number of distinct tuples.
    pub fn count(&self) -> u64 {
        let count = (self.ints.len() + self.texts.len()) as u64;
        if self.limit > 0 { count.min(self.limit) } else { count }
    }

    /// More values would not change the result.
    pub fn is_full(&self) -> bool {
        self.limit > 0 && self.count() >= self.limit
    }
}

/// Writes values as one text, so that different tuples of the same length give different texts.
pub(super) fn encode_tuple<'v>(values: impl IntoIterator<Item = &'v str>, out: &mut String) {
    for value in values {
        // The length in front tells where the value ends; the letter keeps the text from being an integer.
        let _ = std::fmt::Write::write_fmt(out, format_args!("{}s{value}", value.len()));
    }
}

impl Uniq {
    /// Adds a tuple of more than one value; `buffer` saves allocations.
    pub fn update_tuple<'v>(&mut self, values: impl IntoIterator<Item = &'v str>, buffer: &mut String) {
        buffer.clear();
        encode_tuple(values, buffer);
        self.update_text(buffer);
    }
}

impl Partial for Uniq {
    fn merge(&mut self, mut other: Self) {
        if self.ints.len() < other.ints.len() {
            std::mem::swap(&mut self.ints, &mut other.ints);
        }
        for value in other.ints {
            self.update_i64(value);
        }
        let (limit, ints) = (self.limit, self.ints.len() as u64);
        let texts = std::mem::take(&mut other.texts);
        self.texts
            .merge(texts, |texts| limit == 0 || ints + (texts.len() as u64) < limit);
    }

    fn memory_bytes(&self) -> usize {
        self.ints.capacity() * (size_of::<i64>() + 1) + self.texts.memory_bytes()
    }
}
