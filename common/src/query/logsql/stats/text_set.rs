//! A set of texts that lie one after the other in one buffer. Their hashes are kept, so that growing and merging looks
//! at no text that has no equal.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_64;

/// Distinct texts.
#[derive(Debug, Clone, Default)]
pub(super) struct TextSet {
    bytes: String,
    /// Where each text ends in the buffer
    ends: Vec<usize>,
    /// By text: of a set that came from another node not before it grows
    entries: HashTable<Entry>,
}

/// A text by its number.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    number: usize,
}

impl TextSet {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
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
                return;
            }
            self.insert_hashed(entry.hash, other.text(entry.number));
        }
        for number in other.entries.len()..other.len() {
            if !more(self) {
                return;
            }
            self.insert(other.text(number));
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let table = self.entries.capacity() * (size_of::<Entry>() + 1);
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>() + table
    }

    fn insert_hashed(&mut self, hash: u64, text: &str) {
        if self.entries.len() < self.len() {
            self.index();
        }
        let Self { bytes, ends, entries } = self;
        let is_same = |known: &Entry| known.hash == hash && text_of(bytes, ends, known.number) == text;
        if let Place::Vacant(place) = entries.entry(hash, is_same, |known| known.hash) {
            let number = ends.len();
            bytes.push_str(text);
            ends.push(bytes.len());
            place.insert(Entry { hash, number });
        }
    }

    /// Enters the texts that are not entered yet.
    fn index(&mut self) {
        let Self { bytes, ends, entries } = self;
        entries.reserve(ends.len() - entries.len(), |known| known.hash);
        for number in entries.len()..ends.len() {
            let hash = xxh3_64(text_of(bytes, ends, number).as_bytes());
            entries.insert_unique(hash, Entry { hash, number }, |known| known.hash);
        }
    }

    fn text(&self, number: usize) -> &str {
        text_of(&self.bytes, &self.ends, number)
    }
}

fn text_of<'b>(bytes: &'b str, ends: &[usize], number: usize) -> &'b str {
    let end = |number: usize| ends.get(number).copied().unwrap_or_default();
    let start = number.checked_sub(1).map_or(0, end);
    bytes.get(start..end(number)).unwrap_or_default()
}

/// As one text and the lengths of its pieces.
impl Serialize for TextSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let lengths: Vec<usize> = starts.zip(&self.ends).map(|(start, end)| end - start).collect();
        (&self.bytes, lengths).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TextSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (bytes, lengths) = <(String, Vec<usize>)>::deserialize(deserializer)?;
        let mut end = 0usize;
        let ends = lengths.into_iter().map(|length| {
            end = end.checked_add(length).filter(|end| bytes.is_char_boundary(*end))?;
            Some(end)
        });
        let ends: Option<Vec<usize>> = ends.collect();
        Ok(Self {
            ends: ends.ok_or_else(|| de::Error::custom("a text that is cut off"))?,
            bytes,
            entries: HashTable::new(),
        })
    }
}

impl PartialEq for TextSet {
    fn eq(&self, other: &Self) -> bool {
        let texts = |set: &Self| -> BTreeSet<String> { (0..set.len()).map(|at| set.text(at).to_owned()).collect() };
        texts(self) == texts(other)
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

    #[test]
    fn sets_from_elsewhere_merge_in_any_order() {
        let received =
            |texts: &[&str]| -> TextSet { postcard::from_bytes(&postcard::to_stdvec(&set(texts)).unwrap()).unwrap() };
        let all = set(&["a", "b", "é", "", "c"]);
        for mut parts in [
            [received(&["a", "b"]), received(&["b", "é", ""]), set(&["c", "a"])],
            [set(&["a", "b", "c"]), received(&["é", "", "b", "a"]), received(&["c"])],
        ] {
            parts.reverse();
            let mut merged = TextSet::default();
            parts.into_iter().for_each(|part| merged.merge(part, |_| true));
            assert_eq!((merged.len(), &merged), (5, &all));
        }
        assert!(postcard::from_bytes::<TextSet>(&[2, 0xc3, 0xa9, 2, 1, 1]).is_err());
        assert!(postcard::from_bytes::<TextSet>(&[1, b'a', 1, 2]).is_err());
    }
}
