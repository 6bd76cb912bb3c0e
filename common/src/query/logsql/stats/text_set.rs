//! A set of texts that lie one after the other in one buffer. Their hashes are kept, so that growing and merging looks
//! at no text that has no equal.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use xxhash_rust::xxh3::xxh3_64;

/// Distinct texts.
#[derive(Debug, Clone, Default)]
pub(super) struct TextSet {
    bytes: String,
    entries: HashTable<Entry>,
}

/// Where a text lies in the buffer.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    start: usize,
    end: usize,
}

impl TextSet {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds a text, unless it is there.
    pub(super) fn insert(&mut self, text: &str) {
        self.insert_hashed(xxh3_64(text.as_bytes()), text);
    }

    /// Adds texts of another set for as long as `more` holds.
    pub(super) fn merge(&mut self, mut other: Self, more: impl Fn(&Self) -> bool) {
        if self.len() < other.len() {
            std::mem::swap(self, &mut other);
        }
        for entry in &other.entries {
            if !more(self) {
                break;
            }
            self.insert_hashed(entry.hash, text_of(&other.bytes, entry));
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * (size_of::<Entry>() + 1)
    }

    fn insert_hashed(&mut self, hash: u64, text: &str) {
        let Self { bytes, entries } = self;
        let is_same = |known: &Entry| known.hash == hash && text_of(bytes, known) == text;
        if let Place::Vacant(place) = entries.entry(hash, is_same, |known| known.hash) {
            let start = bytes.len();
            bytes.push_str(text);
            let end = bytes.len();
            place.insert(Entry { hash, start, end });
        }
    }

    fn contains(&self, hash: u64, text: &str) -> bool {
        let is_same = |known: &Entry| known.hash == hash && text_of(&self.bytes, known) == text;
        self.entries.find(hash, is_same).is_some()
    }
}

fn text_of<'b>(bytes: &'b str, entry: &Entry) -> &'b str {
    bytes.get(entry.start..entry.end).unwrap_or_default()
}

/// As one text and the lengths of its pieces.
impl Serialize for TextSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.start);
        let lengths: Vec<usize> = entries.iter().map(|entry| entry.end - entry.start).collect();
        (&self.bytes, lengths).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TextSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (all, lengths) = <(String, Vec<usize>)>::deserialize(deserializer)?;
        let mut rest = all.as_str();
        let mut set = Self::default();
        for length in lengths {
            let (text, tail) = rest
                .split_at_checked(length)
                .ok_or_else(|| de::Error::custom("a text that is cut off"))?;
            set.insert(text);
            rest = tail;
        }
        Ok(set)
    }
}

impl PartialEq for TextSet {
    fn eq(&self, other: &Self) -> bool {
        let mut entries = self.entries.iter();
        self.len() == other.len() && entries.all(|e| other.contains(e.hash, text_of(&self.bytes, e)))
    }
}

impl Eq for TextSet {}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> TextSet {
        let mut set = TextSet::default();
        texts.iter().for_each(|text| set.insert(text));
        set
    }

    #[test]
    fn each_text_is_there_once() {
        let abc = set(&["a", "bc", "a", "", "bc"]);
        assert_eq!(abc.len(), 3);
        assert_eq!(abc, set(&["", "bc", "a"]));
        assert_ne!(abc, set(&["", "bc", "ab"]));
        assert!(abc.memory_bytes() > 3);
    }

    #[test]
    fn sets_merge_up_to_a_bound() {
        let mut all = set(&["a"]);
        all.merge(set(&["a", "b", "c"]), |_| true);
        assert_eq!(all, set(&["a", "b", "c"]));
        all.merge(set(&["d", "e"]), |all| all.len() < 4);
        assert_eq!(all.len(), 4);
    }
}
