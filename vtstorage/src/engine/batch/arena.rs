//! The texts of a batch under construction, one after the other.

use super::Text;
use common::otlp::glance;
use common::otlp::wire::WireError;

/// Texts, copied out of the request: without keys and framing they take less than half of it, and the request's memory
/// is free for the next one.
#[derive(Debug, Default)]
pub(super) struct Arena(Vec<u8>);

impl Arena {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a text.
    #[inline]
    pub(super) fn add(&mut self, text: &[u8]) -> Text {
        let at = self.0.len() as u32;
        self.0.extend_from_slice(text);
        Text {
            at,
            len: text.len() as u32,
        }
    }

    /// Adds a text once it is found to be UTF-8.
    #[inline]
    pub(super) fn add_text(&mut self, text: &[u8]) -> Result<Text, WireError> {
        if glance::is_text(text) {
            Ok(self.add(text))
        } else {
            Err(WireError::NotUtf8(1))
        }
    }

    /// Adds a text, or gives its place if it was added lately: it is then known to be UTF-8.
    #[inline]
    pub(super) fn add_recent(&mut self, recent: &mut Recent, text: &[u8]) -> Result<Text, WireError> {
        let Some(slot) = recent.0.get_mut(Recent::slot(text)) else {
            return self.add_text(text);
        };
        let (start, end) = (slot.at as usize, slot.at as usize + slot.len as usize);
        if slot.len as usize != text.len() || !self.0.get(start..end).is_some_and(|known| same(known, text)) {
            *slot = self.add_text(text)?;
        }
        Ok(*slot)
    }

    /// All texts, in memory of their own size.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.shrink_to_fit();
        self.0
    }
}

const SLOTS: usize = 32;

/// Where the last texts of a column lie. Few columns have more values than this in one request that repeat.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recent([Text; SLOTS]);

impl Recent {
    /// The one place where a text may be, by its length, its first and its last bytes.
    #[inline]
    fn slot(text: &[u8]) -> usize {
        let (first, last) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
                (Some(first), Some(last)) => (
                    u64::from(u32::from_le_bytes(*first)),
                    u64::from(u32::from_le_bytes(*last)),
                ),
                _ => (text.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0),
            },
        };
        let mixed = (first ^ last.rotate_left(23) ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 59) as usize % SLOTS
    }
}

/// Equality without a call for texts of up to 32 bytes: nearly all are.
#[inline]
pub(in crate::engine) fn same(a: &[u8], b: &[u8]) -> bool {
    fn ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        a.first_chunk::<N>() == b.first_chunk::<N>() && a.last_chunk::<N>() == b.last_chunk::<N>()
    }
    a.len() == b.len()
        && match a.len() {
            0..4 => a.iter().eq(b),
            4..8 => ends::<4>(a, b),
            8..16 => ends::<8>(a, b),
            16..=32 => ends::<16>(a, b),
            _ => a == b,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn same_is_equality(a in prop::collection::vec(0u8..2, 0..40), b in prop::collection::vec(0u8..2, 0..40)) {
            prop_assert_eq!(same(&a, &b), a == b);
            prop_assert!(same(&a, &a.clone()));
        }
    }

    #[test]
    fn a_repeated_text_is_kept_once() {
        let mut arena = Arena::default();
        let mut recent = Recent::default();
        let mut add = |text: &[u8]| arena.add_recent(&mut recent, text).unwrap();
        let texts: [&[u8]; 4] = [b"GET", b"", b"/users/{id}", b"POST /users/{id}"];
        let first = texts.map(&mut add);
        assert_eq!(texts.map(&mut add), first);
        assert_eq!(arena.add_recent(&mut recent, b"GE\xff"), Err(WireError::NotUtf8(1)));
        let all = arena.finish();
        assert_eq!(all, b"GET/users/{id}POST /users/{id}");
        let text = |place: Text| &all[place.at as usize..][..place.len as usize];
        assert_eq!(first.map(text), texts);
    }
}
