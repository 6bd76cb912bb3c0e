//! Identifiers of the cluster's things, as types of their own.

use crate::ids::TraceId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A storage node, for as long as it is a member; drawn at random when its data directory is made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NodeId(pub u64);

/// A cluster, drawn at random when it is made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ClusterId(pub u128);

/// One life of a node's `data/` directory: another one means that what the node held is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Incarnation(pub u128);

/// A part of the space of trace-id hashes: the unit of placement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
pub struct Slot(pub u16);

impl Slot {
    /// The slot of a hash ([`TraceId::hash`]) among `slots`, a power of two from 1 to 32,768: its top bits.
    pub fn of_hash(hash: u64, slots: u16) -> Self {
        let bits = slots.trailing_zeros();
        match bits {
            0 => Self(0),
            bits => Self((hash >> (64 - bits)) as u16),
        }
    }

    /// The slot of a trace.
    pub fn of(trace: TraceId, slots: u16) -> Self {
        Self::of_hash(trace.hash(), slots)
    }
}

macro_rules! hexadecimal {
    ($($name:ident $digits:literal),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $digits, "x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
hexadecimal!(NodeId "16", ClusterId "32", Incarnation "32");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_bits_are_the_slot() {
        assert_eq!(Slot::of_hash(u64::MAX, 1024), Slot(1023));
        assert_eq!(Slot::of_hash(1 << 54, 1024), Slot(1));
        assert_eq!(Slot::of_hash((1 << 54) - 1, 1024), Slot(0));
        assert_eq!(Slot::of_hash(u64::MAX, 1), Slot(0));
    }
}
