//! The texts of a batch under construction, one after the other.

use super::Text;

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

    /// Adds a text, or gives the place of `like` if it is the same one.
    #[inline]
    pub(super) fn add_like(&mut self, like: Text, text: &[u8]) -> Text {
        let (start, end) = (like.at as usize, like.at as usize + like.len as usize);
        if like.len as usize == text.len() && self.0.get(start..end).is_some_and(|known| same(known, text)) {
            return like;
        }
        self.add(text)
    }

    /// Adds what `write` appends.
    pub(super) fn add_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Text {
        let at = self.0.len();
        write(&mut self.0);
        Text {
            at: at as u32,
            len: (self.0.len() - at) as u32,
        }
    }

    /// All texts, in memory of their own size.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.shrink_to_fit();
        self.0
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
        let first = arena.add(b"GET");
        assert_eq!(arena.add_like(first, b"GET"), first);
        let second = arena.add_like(first, b"PUT");
        assert_eq!((second.at, second.len), (3, 3));
        assert_eq!(arena.finish(), b"GETPUT");
    }
}
