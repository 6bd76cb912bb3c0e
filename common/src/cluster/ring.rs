//! The consistent-hash ring: in which order nodes are candidates for a slot. Two nodes that come or go change the order
//! of few slots.

use super::{NodeId, Slot};
use consistent_hash::{Node, RingHash, StaticHashRing};
use std::fmt;
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Places of a node on the ring: with so many, shares differ by a few per cent.
const PLACES: usize = 400;

/// Nodes on a ring. To be made once per set of nodes, and asked once per slot.
pub struct Ring(StaticHashRing<'static, RingKey, (), Xxh3>);

impl Ring {
    pub fn new(nodes: impl IntoIterator<Item = NodeId>) -> Self {
        let nodes = nodes.into_iter().map(|id| Node::new(RingKey(id.0)).quantity(PLACES));
        Self(StaticHashRing::new(Xxh3, nodes))
    }

    /// All nodes, the first candidate for the slot first. Also the order in which nodes keep hints for its owners.
    pub fn candidates(&self, slot: Slot) -> impl Iterator<Item = NodeId> + '_ {
        self.0
            .calc_candidates(&RingKey(u64::from(slot.0)))
            .map(|node| NodeId(node.key.0))
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring of {} nodes", self.0.nodes().len())
    }
}

/// A node id or a slot. What `Hash` feeds for it is written here, because placements outlive versions of the language.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct RingKey(u64);

impl Hash for RingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

struct Xxh3;

impl RingHash for Xxh3 {
    fn hash_item<T: Hash>(&self, item: &T) -> u64 {
        let mut hasher = Chain(ITEM);
        item.hash(&mut hasher);
        hasher.finish()
    }

    fn hash_vnode<K: Hash>(&self, node: &K, place: usize) -> u64 {
        let mut hasher = Chain(NODE);
        node.hash(&mut hasher);
        hasher.write_u64(place as u64);
        hasher.finish()
    }
}

/// Seeds that keep slots and places of nodes apart.
const ITEM: u64 = 0;
const NODE: u64 = 1;

/// xxh3 over little-endian words, each hash being the seed of the next.
struct Chain(u64);

impl Hasher for Chain {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, word: u64) {
        self.write(&word.to_le_bytes());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(nodes: u64, slots: u16) -> Vec<u64> {
        let ring = Ring::new((1..=nodes).map(NodeId));
        (0..slots).map(|s| ring.candidates(Slot(s)).next().unwrap().0).collect()
    }

    #[test]
    fn the_order_is_the_same_for_ever() {
        let firsts: String = first(7, 100).iter().map(u64::to_string).collect();
        let golden = concat!(
            "42627625322555211311467343674756713127662552437362",
            "52375441446334266263735473417116212767431272652361"
        );
        assert_eq!(firsts, golden);
        let ring = Ring::new([1, 2, 3, 4, 5].map(NodeId));
        let order: Vec<u64> = ring.candidates(Slot(9)).map(|node| node.0).collect();
        assert_eq!(order, [2, 1, 3, 5, 4]);
    }

    #[test]
    fn every_node_is_a_candidate_once() {
        let ring = Ring::new((1..=30).map(NodeId));
        let mut all: Vec<u64> = ring.candidates(Slot(77)).map(|node| node.0).collect();
        all.sort_unstable();
        assert_eq!(all, (1..=30).collect::<Vec<_>>());
        assert_eq!(Ring::new([]).candidates(Slot(0)).count(), 0);
    }

    #[test]
    fn another_node_takes_few_slots_and_moves_none_between_others() {
        let (before, after) = (first(9, 1024), first(10, 1024));
        let moved: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
        assert!(moved.iter().all(|(_, to)| **to == 10));
        assert!((60..150).contains(&moved.len()), "{}", moved.len());
    }
}
