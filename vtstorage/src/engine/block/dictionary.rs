//! Dictionaries: the distinct texts of a column. Every text of a flush passes through here. A text that lies where one
//! lay before is that one: batches keep repeated texts once, and most need not be read again.

use crate::engine::batch::same;
use hashbrown::HashTable;
use rapidhash::v3::rapidhash_v3;

/// Distinct texts in ascending order, and which of them each value is.
pub(super) struct Dictionary<'a> {
    pub(super) texts: Vec<&'a [u8]>,
    pub(super) codes: Vec<u64>,
}

/// After so many values it is clear that a column has no use for a dictionary.
const EARLY_LOOK: usize = 2_048;

impl<'a> Dictionary<'a> {
    /// The dictionary of `values`, unless most of them are distinct.
    pub(super) fn of(values: &[&'a [u8]]) -> Option<Self> {
        let mut distinct: Vec<(&'a [u8], u64)> = Vec::new();
        let mut table: HashTable<u32> = HashTable::new();
        let mut codes = Vec::with_capacity(values.len());
        let mut places = Places::new(values.len());
        for (i, value) in values.iter().enumerate() {
            if i == EARLY_LOOK && distinct.len() > EARLY_LOOK * 3 / 4 {
                return None;
            }
            if let Some(code) = places.code(value) {
                codes.push(u64::from(code));
                continue;
            }
            let hash = rapidhash_v3(value);
            let found = table.find(hash, |c| {
                distinct
                    .get(*c as usize)
                    .is_some_and(|d| d.1 == hash && same(d.0, value))
            });
            let code = match found {
                Some(code) => *code,
                None => {
                    let code = distinct.len() as u32;
                    distinct.push((value, hash));
                    table.insert_unique(hash, code, |c| distinct.get(*c as usize).map_or(0, |d| d.1));
                    code
                }
            };
            places.set(value, code);
            codes.push(u64::from(code));
        }
        if distinct.len() > 8 && distinct.len() > values.len() / 2 {
            return None;
        }
        Some(Self::sorted(distinct.into_iter().map(|d| d.0).collect(), codes))
    }

    /// Brings texts, and the codes that count them as they came, into ascending order.
    fn sorted(texts: Vec<&'a [u8]>, mut codes: Vec<u64>) -> Self {
        let mut order: Vec<(u64, u32, &'a [u8])> = texts
            .iter()
            .zip(0..)
            .map(|(text, code)| (first_bytes(text), code, *text))
            .collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.2.cmp(b.2)));
        let mut place = vec![0u64; order.len()];
        for (new, (_, old, _)) in order.iter().enumerate() {
            if let Some(place) = place.get_mut(*old as usize) {
                *place = new as u64;
            }
        }
        for code in &mut codes {
            *code = place.get(*code as usize).copied().unwrap_or_default();
        }
        Self {
            texts: order.into_iter().map(|(_, _, text)| text).collect(),
            codes,
        }
    }
}

/// The codes of texts by where they lie in memory: for each of some places the last text that was looked up there.
struct Places(Vec<Place>);

#[derive(Clone, Copy, Default)]
struct Place {
    address: usize,
    /// Zero in an unused place, and for texts that are empty
    len: usize,
    code: u32,
}

/// The most places: as much as stays in the cache.
const MOST_PLACES: usize = 4_096;

impl Places {
    /// Places for so many values; a power of two.
    fn new(values: usize) -> Self {
        Self(vec![Place::default(); values.next_power_of_two().min(MOST_PLACES)])
    }

    #[inline]
    fn of(&self, text: &[u8]) -> usize {
        let mixed = (text.as_ptr().addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        mixed as usize & (self.0.len() - 1)
    }

    #[inline]
    fn code(&self, text: &[u8]) -> Option<u32> {
        let place = self.0.get(self.of(text))?;
        let is_same = place.address == text.as_ptr().addr() && place.len == text.len();
        (is_same && place.len > 0).then_some(place.code)
    }

    #[inline]
    fn set(&mut self, text: &[u8], code: u32) {
        let at = self.of(text);
        if let Some(place) = self.0.get_mut(at) {
            *place = Place {
                address: text.as_ptr().addr(),
                len: text.len(),
                code,
            };
        }
    }
}

/// The first eight bytes as a number that sorts as they do; missing ones are zeros.
fn first_bytes(text: &[u8]) -> u64 {
    if let Some(first) = text.first_chunk::<8>() {
        return u64::from_be_bytes(*first);
    }
    let mut first = [0; 8];
    first.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_name_the_values_and_texts_ascend(values in prop::collection::vec(prop::collection::vec(0u8..3, 0..40), 0..60), repeats in 2usize..4) {
            let values: Vec<&[u8]> = (0..repeats).flat_map(|_| values.iter().map(Vec::as_slice)).collect();
            let dictionary = Dictionary::of(&values).expect("each value is there twice");
            prop_assert!(dictionary.texts.is_sorted_by(|a, b| a < b));
            let named: Vec<&[u8]> = dictionary.codes.iter().map(|code| dictionary.texts[*code as usize]).collect();
            prop_assert_eq!(named, values);
        }

        #[test]
        fn first_bytes_sort_as_texts(a in prop::collection::vec(any::<u8>(), 0..12), b in prop::collection::vec(any::<u8>(), 0..12)) {
            if first_bytes(&a) < first_bytes(&b) {
                prop_assert!(a < b);
            }
        }
    }

    #[test]
    fn distinct_values_have_no_dictionary() {
        let values: Vec<[u8; 4]> = (0..9_000u32).map(u32::to_be_bytes).collect();
        assert!(Dictionary::of(&values.iter().map(<[u8; 4]>::as_slice).collect::<Vec<_>>()).is_none());
    }
}
