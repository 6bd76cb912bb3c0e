//! A set of texts that lie one after the other in one buffer. Their hashes are kept, so that growing and merging looks
//! at no text that has no equal. Sets that come from other nodes are in order, and merge without a table.

use crate::wire::packed;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_64;

/// Distinct texts.
#[derive(Debug, Clone, Default)]
pub(super) struct TextSet {
    bytes: String,
    /// Where each text ends in the buffer
    ends: Vec<usize>,
    places: Places,
}

/// Where texts are found.
#[derive(Debug, Clone)]
struct Places {
    /// All entries in the order of hashes, and of texts where these are equal; `None` once they are in the table
    ordered: Option<Vec<Entry>>,
    /// By text
    table: HashTable<Entry>,
}

impl Default for Places {
    fn default() -> Self {
        Self::ordered(Vec::new())
    }
}

/// A text by its number. Small, since merging is mostly waiting for memory.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    number: u32,
}

fn hash_of(text: &str) -> u32 {
    (xxh3_64(text.as_bytes()) >> 32) as u32
}

impl Entry {
    fn new(hash: u32, number: usize) -> Self {
        Self {
            hash,
            // So many texts do not fit into memory.
            number: u32::try_from(number).unwrap_or(u32::MAX),
        }
    }

    /// For a table, which looks at both ends of it.
    fn wide(&self) -> u64 {
        u64::from(self.hash) << 32 | u64::from(self.hash)
    }
}

impl TextSet {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a text, unless it is there.
    pub(super) fn insert(&mut self, text: &str) {
        self.insert_hashed(hash_of(text), text);
    }

    fn insert_hashed(&mut self, hash: u32, text: &str) {
        let entry = Entry::new(hash, self.len());
        let Self { bytes, ends, places } = self;
        let table = places.table();
        let is_same = |known: &Entry| known.hash == entry.hash && text_of(bytes, ends, known.number as usize) == text;
        if let Place::Vacant(place) = table.entry(entry.wide(), is_same, Entry::wide) {
            bytes.push_str(text);
            ends.push(bytes.len());
            place.insert(entry);
        }
    }

    /// Adds texts of another set for as long as `more` holds.
    pub(super) fn merge(&mut self, mut other: Self, more: impl Fn(&Self) -> bool) {
        if self.len() < other.len() {
            std::mem::swap(self, &mut other);
        }
        match (&mut self.places.ordered, &other.places.ordered) {
            (Some(mine), Some(theirs)) => {
                let mine = std::mem::take(mine);
                self.merge_ordered(mine, &other, theirs, more);
            }
            _ => {
                for entry in other.places.entries() {
                    if !more(self) {
                        return;
                    }
                    self.insert_hashed(entry.hash, other.text(entry.number as usize));
                }
            }
        }
    }

    /// Merges sets that are both in order; `mine` and `theirs` are their entries.
    fn merge_ordered(&mut self, mine: Vec<Entry>, other: &Self, theirs: &[Entry], more: impl Fn(&Self) -> bool) {
        let mut all = Vec::with_capacity(mine.len() + theirs.len());
        let mut rest = mine.as_slice();
        for entry in theirs {
            let before = rest.iter().take_while(|known| known.hash < entry.hash).count();
            let (passed, left) = rest.split_at(before);
            all.extend_from_slice(passed);
            rest = left;
            let text = other.text(entry.number as usize);
            let mut is_known = false;
            while let Some((known, left)) = rest.split_first().filter(|(known, _)| known.hash == entry.hash) {
                let order = self.text(known.number as usize).cmp(text);
                if order != Ordering::Less {
                    is_known = order == Ordering::Equal;
                    break;
                }
                all.push(*known);
                rest = left;
            }
            if is_known {
                continue;
            }
            if !more(self) {
                break;
            }
            all.push(Entry::new(entry.hash, self.len()));
            self.bytes.push_str(text);
            self.ends.push(self.bytes.len());
        }
        all.extend_from_slice(rest);
        self.places = Places::ordered(all);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let ordered = self.places.ordered.as_ref().map_or(0, Vec::capacity) * size_of::<Entry>();
        let places = self.places.table.capacity() * (size_of::<Entry>() + 1) + ordered;
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>() + places
    }

    /// The numbers of all texts in the order of [`Places::ordered`].
    fn in_order(&self) -> Vec<u32> {
        if let Some(entries) = &self.places.ordered {
            return entries.iter().map(|entry| entry.number).collect();
        }
        let table = &self.places.table;
        // Numbers that sort as hashes do: those of a few leading bits at a time, which are few.
        let keys = || {
            table
                .iter()
                .map(|entry| u64::from(entry.hash) << 32 | u64::from(entry.number))
        };
        let bits = table.len().checked_ilog2().unwrap_or_default().clamp(1, MOST_BITS);
        let part = |key: u64| (key >> (64 - bits)) as usize;
        let mut ends = vec![0usize; 1 << bits];
        keys().for_each(|key| ends.iter_mut().skip(part(key)).take(1).for_each(|count| *count += 1));
        let mut all = 0;
        for end in &mut ends {
            all += std::mem::replace(end, all);
        }
        let mut sorted = vec![0; all];
        for key in keys() {
            if let Some(end) = ends.get_mut(part(key)) {
                sorted.iter_mut().skip(*end).take(1).for_each(|place| *place = key);
                *end += 1;
            }
        }
        let mut first = 0;
        for end in ends {
            let range = first..end;
            first = end;
            if let Some(part) = sorted.get_mut(range).filter(|part| part.len() > 1) {
                part.sort_unstable_by(|a, b| {
                    let texts = || self.text(*a as u32 as usize).cmp(self.text(*b as u32 as usize));
                    (a >> 32).cmp(&(b >> 32)).then_with(texts)
                });
            }
        }
        sorted.into_iter().map(|key| key as u32).collect()
    }

    fn text(&self, number: usize) -> &str {
        text_of(&self.bytes, &self.ends, number)
    }
}

/// Texts are sorted in at most so many parts at first, as a power of two.
const MOST_BITS: u32 = 16;

impl Places {
    fn ordered(entries: Vec<Entry>) -> Self {
        Self {
            ordered: Some(entries),
            table: HashTable::new(),
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.ordered.iter().flatten().chain(&self.table)
    }

    fn table(&mut self) -> &mut HashTable<Entry> {
        if let Some(entries) = self.ordered.take() {
            self.table = HashTable::with_capacity(entries.len());
            for entry in entries {
                self.table.insert_unique(entry.wide(), entry, Entry::wide);
            }
        }
        &mut self.table
    }
}

fn text_of<'b>(bytes: &'b str, ends: &[usize], number: usize) -> &'b str {
    let end = |number: usize| ends.get(number).copied().unwrap_or_default();
    let start = number.checked_sub(1).map_or(0, end);
    bytes.get(start..end(number)).unwrap_or_default()
}

/// A set as it is sent: its texts in order as one text, and the lengths of the pieces.
#[derive(Serialize, Deserialize)]
struct Sent {
    bytes: String,
    #[serde(with = "packed")]
    lengths: Vec<i64>,
}

impl Serialize for TextSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = String::with_capacity(self.bytes.len());
        let mut lengths = Vec::with_capacity(self.len());
        for number in self.in_order() {
            let text = self.text(number as usize);
            bytes.push_str(text);
            lengths.push(text.len() as i64);
        }
        Sent { bytes, lengths }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TextSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Sent { bytes, lengths } = Sent::deserialize(deserializer)?;
        let mut ends = Vec::with_capacity(lengths.len());
        let mut entries: Vec<Entry> = Vec::with_capacity(lengths.len());
        let (mut last, mut rest) = ("", bytes.as_str());
        for length in lengths {
            let split = usize::try_from(length)
                .ok()
                .and_then(|length| rest.split_at_checked(length));
            let (text, tail) = split.ok_or_else(|| de::Error::custom("a text that is cut off"))?;
            let entry = Entry::new(hash_of(text), entries.len());
            if entries
                .last()
                .is_some_and(|before| (before.hash, last) >= (entry.hash, text))
            {
                return Err(de::Error::custom("texts out of order"));
            }
            entries.push(entry);
            ends.push(bytes.len() - tail.len());
            (last, rest) = (text, tail);
        }
        Ok(Self {
            ends,
            bytes,
            places: Places::ordered(entries),
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
    }

    #[test]
    fn only_texts_in_order_are_a_set() {
        let sent = |texts: &[&str]| {
            let lengths = texts.iter().map(|text| text.len() as i64).collect();
            let bytes = texts.concat();
            postcard::from_bytes::<TextSet>(&postcard::to_stdvec(&Sent { bytes, lengths }).unwrap())
        };
        let all = set(&["a", "bc", "é", "", "d"]);
        let mut texts: Vec<&str> = all
            .in_order()
            .into_iter()
            .map(|number| all.text(number as usize))
            .collect();
        assert_eq!(sent(&texts).unwrap(), all);
        assert!(sent(&["a", "a"]).is_err());
        texts.reverse();
        assert!(sent(&texts).is_err());
        for lengths in [vec![1, 1], vec![-1], vec![3], vec![i64::MAX]] {
            let bytes = postcard::to_stdvec(&Sent {
                bytes: "é".into(),
                lengths,
            })
            .unwrap();
            assert!(postcard::from_bytes::<TextSet>(&bytes).is_err());
        }
    }

    #[test]
    fn large_sets_survive_and_merge() {
        let numbers = |numbers: std::ops::Range<u32>| {
            let mut set = TextSet::default();
            numbers.for_each(|number| set.insert(&format!("user-{number}")));
            set
        };
        let send = |set: &TextSet| -> TextSet { postcard::from_bytes(&postcard::to_stdvec(set).unwrap()).unwrap() };
        let parts = [numbers(0..3_000), numbers(2_000..9_000), numbers(8_500..8_600)];
        let mut merged = TextSet::default();
        parts.iter().for_each(|part| merged.merge(send(part), |_| true));
        assert_eq!(merged.len(), 9_000);
        assert_eq!(merged, numbers(0..9_000));
        let mut few = send(&parts[0]);
        few.merge(send(&parts[1]), |set| set.len() < 7_500);
        assert_eq!(few.len(), 7_500);
        few.insert("user-5000");
        few.insert("another");
        assert_eq!(send(&few).len(), 7_501);
        merged.merge(few, |_| true);
        assert_eq!(send(&merged).len(), 9_001);
    }
}
