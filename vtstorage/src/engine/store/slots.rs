//! The slots of a request that a node stores: all of them where a node is alone, else some. How they are written.

use common::cluster::{Slot, SlotSet};

/// Slots of one request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Slots {
    /// Whatever slots it has
    All,
    Some(SlotSet),
}

const ALL: u8 = 1;
const BITMAP: u8 = 2;
const LIST: u8 = 3;

impl Slots {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::All => false,
            Self::Some(slots) => slots.is_empty(),
        }
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Some(a), Self::Some(b)) => !a.intersection(b).is_empty(),
            (Self::All, _) | (_, Self::All) => true,
        }
    }

    /// Those that are not in the other. Of all slots some cannot be taken away: all are left.
    pub(crate) fn without(self, other: &Self) -> Self {
        match (self, other) {
            (_, Self::All) => Self::Some(SlotSet::new()),
            (Self::All, Self::Some(_)) => Self::All,
            (Self::Some(a), Self::Some(b)) => Self::Some(a.without(b)),
        }
    }

    /// Those that are not in the other, or are not alike in both. Of all slots some cannot be taken away: all are left,
    /// unless the other has all.
    pub(crate) fn without_some(self, other: &Self, alike: impl Fn(Slot) -> bool) -> Self {
        match (self, other) {
            (Self::Some(all), Self::All) => Self::Some(all.iter().filter(|slot| !alike(*slot)).collect()),
            (Self::Some(all), Self::Some(known)) => {
                let known = known.iter().filter(|slot| alike(*slot)).collect();
                Self::Some(all.without(&known))
            }
            (all, other) => all.without(other),
        }
    }

    /// Those in either.
    pub(crate) fn with(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Some(mut a), Self::Some(b)) => {
                a.extend(b);
                Self::Some(a)
            }
            _ => Self::All,
        }
    }

    /// The lowest slot, where they are not all.
    pub(crate) fn first(&self) -> Option<Slot> {
        match self {
            Self::All => None,
            Self::Some(slots) => slots.iter().next(),
        }
    }

    /// A tag, then a bitmap or a list of 16-bit numbers, whichever is shorter.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self::Some(slots) = self else {
            return vec![ALL];
        };
        let bitmap = slots.to_bytes();
        let mut out = Vec::with_capacity(1 + bitmap.len().min(2 * slots.len()));
        if 2 * slots.len() < bitmap.len() {
            out.push(LIST);
            out.extend(slots.iter().flat_map(|slot| slot.0.to_le_bytes()));
        } else {
            out.push(BITMAP);
            out.extend(bitmap);
        }
        out
    }

    /// Reads [`Self::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [ALL] => Some(Self::All),
            [BITMAP, bitmap @ ..] => SlotSet::from_bytes(bitmap).map(Self::Some),
            [LIST, list @ ..] => {
                let (slots, rest) = list.as_chunks::<2>();
                let slots = slots.iter().map(|slot| Slot(u16::from_le_bytes(*slot)));
                rest.is_empty().then(|| Self::Some(slots.collect()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(slots: impl IntoIterator<Item = u16>) -> Slots {
        Slots::Some(slots.into_iter().map(Slot).collect())
    }

    #[test]
    fn slots_read_as_they_are_written() {
        for (slots, size) in [
            (Slots::All, 1),
            (some([]), 1),
            (some([3]), 3),
            (some([3, 900, 1_023]), 7),
            (some(0..1_024), 129),
            (some(0..9), 9),
        ] {
            let bytes = slots.to_bytes();
            assert_eq!((Slots::from_bytes(&bytes), bytes.len()), (Some(slots), size));
        }
        for bad in [&[][..], &[0], &[ALL, 0], &[LIST, 1], &[BITMAP, 1, 2]] {
            assert_eq!(Slots::from_bytes(bad), None);
        }
    }

    #[test]
    fn all_slots_are_more_than_any() {
        assert!(Slots::All.overlaps(&some([1])) && some([1]).overlaps(&Slots::All));
        assert!(!some([1]).overlaps(&some([2, 3])));
        assert_eq!(Slots::All.without(&some([1])), Slots::All);
        assert!(some([1]).without(&Slots::All).is_empty());
        assert_eq!(some([1]).with(&some([2])), some([1, 2]));
        assert_eq!(some([1]).with(&Slots::All), Slots::All);
        assert_eq!((some([5, 9]).first(), Slots::All.first()), (Some(Slot(5)), None));
    }
}
