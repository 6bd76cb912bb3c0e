//! Exact sets of distinct values.

use hashbrown::{HashSet, hash_set::Entry};

use super::super::value::parse_canonical_int;
use super::Partial;

/// About how much memory an entry of a set takes besides what it holds.
const ENTRY_BYTES: usize = 24;

/// Distinct tuples of values, at most `limit` of them unless that is 0. Integers take no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uniq {
    limit: u64,
    ints: HashSet<i64>,
    texts: HashSet<Box<str>>,
    text_bytes: usize,
}

impl Uniq {
    /// No values yet.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            ints: HashSet::new(),
            texts: HashSet::new(),
            text_bytes: 0,
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
        } else if !self.texts.contains(value) {
            self.insert(value.into());
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

    fn insert(&mut self, value: Box<str>) {
        let bytes = value.len();
        if let Entry::Vacant(entry) = self.texts.entry(value) {
            entry.insert();
            self.text_bytes += bytes;
        }
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
        if self.texts.len() < other.texts.len() {
            std::mem::swap(&mut self.texts, &mut other.texts);
            std::mem::swap(&mut self.text_bytes, &mut other.text_bytes);
        }
        if self.ints.len() < other.ints.len() {
            std::mem::swap(&mut self.ints, &mut other.ints);
        }
        for value in other.ints {
            self.update_i64(value);
        }
        for value in other.texts {
            if self.is_full() {
                break;
            }
            self.insert(value);
        }
    }

    fn memory_bytes(&self) -> usize {
        self.ints.capacity() * (size_of::<i64>() + 1) + self.texts.capacity() * ENTRY_BYTES + self.text_bytes
    }
}
