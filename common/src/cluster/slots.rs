//! Sets of slots.

use super::Slot;
use serde::{Deserialize, Serialize};

/// A set of slots, as a bitmap. Sets of one cluster have one width.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug, Serialize, Deserialize)]
pub struct SlotSet {
    /// Bit `s % 64` of word `s / 64`
    words: Vec<u64>,
}

impl SlotSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// All of `slots` slots.
    pub fn all(slots: u16) -> Self {
        (0..slots).map(Slot).collect()
    }

    pub fn insert(&mut self, slot: Slot) {
        let (word, bit) = place(slot);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
        }
    }

    pub fn remove(&mut self, slot: Slot) {
        let (word, bit) = place(slot);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
        self.trim();
    }

    #[inline]
    pub fn contains(&self, slot: Slot) -> bool {
        let (word, bit) = place(slot);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The number of slots in it.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Its slots, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        let bits = |(at, word): (usize, &u64)| {
            let word = *word;
            (0..64)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| at * 64 + bit)
        };
        self.words
            .iter()
            .enumerate()
            .flat_map(bits)
            .map(|slot| Slot(slot as u16))
    }

    /// Adds the slots of another set.
    pub fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// The slots in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let words = self.words.iter().zip(&other.words).map(|(a, b)| a & b);
        Self::trimmed(words.collect())
    }

    /// Its slots that are not in the other.
    pub fn without(&self, other: &Self) -> Self {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        let words = self.words.iter().zip(others).map(|(a, b)| a & !b);
        Self::trimmed(words.collect())
    }

    /// No trailing zeros: equal sets are equal values.
    fn trimmed(words: Vec<u64>) -> Self {
        let mut set = Self { words };
        set.trim();
        set
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    /// The bitmap, lowest slots first, little-endian, without trailing zero words: for keys and records.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Reads [`Self::to_bytes`]; `None` if it is no bitmap of slots.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        (rest.is_empty() && words.len() <= 512)
            .then(|| Self::trimmed(words.iter().map(|word| u64::from_le_bytes(*word)).collect()))
    }
}

fn place(slot: Slot) -> (usize, u64) {
    (usize::from(slot.0 / 64), 1 << (slot.0 % 64))
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        let mut set = Self::new();
        for slot in slots {
            set.insert(slot);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(slots: &[u16]) -> SlotSet {
        slots.iter().copied().map(Slot).collect()
    }

    #[test]
    fn sets_behave_as_sets() {
        let (a, b) = (set(&[0, 63, 64, 1023]), set(&[63, 500]));
        assert_eq!(a.len(), 4);
        assert!(a.contains(Slot(64)) && !a.contains(Slot(65)) && !a.contains(Slot(5000)));
        assert_eq!(a.intersection(&b), set(&[63]));
        assert_eq!(a.without(&b), set(&[0, 64, 1023]));
        let mut both = b.clone();
        both.extend(&a);
        assert_eq!(both, set(&[0, 63, 64, 500, 1023]));
        assert_eq!(both.iter().map(|s| s.0).collect::<Vec<_>>(), [0, 63, 64, 500, 1023]);
        assert_eq!(SlotSet::from_bytes(&both.to_bytes()), Some(both));
        assert_eq!(SlotSet::from_bytes(&[1, 2]), None);
    }

    #[test]
    fn equal_sets_are_equal_values() {
        let mut a = set(&[1, 1000]);
        a.remove(Slot(1000));
        assert_eq!(a, set(&[1]));
        assert_eq!(set(&[1000]).without(&set(&[1000])), SlotSet::new());
        assert!(SlotSet::new().is_empty());
    }
}
