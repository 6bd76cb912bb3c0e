//! The owners of all slots while they are being found.

use super::zones::Spread;
use crate::cluster::{Member, NodeId, Owners, Ring, Settings, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// No node gets more than this many times its share, if that can be avoided.
const MOST: f64 = 1.05;
/// Nor less than this.
const LEAST: f64 = 0.95;

/// A node, as its place in the list of them.
type At = usize;

/// A node that may own slots.
struct Node {
    id: NodeId,
    zone: usize,
    /// It takes slots that it does not have yet
    takes: bool,
    /// The slots that it has, and the least and the most that it shall have
    load: usize,
    least: usize,
    most: usize,
}

pub(super) struct Table {
    nodes: Vec<Node>,
    spread: Spread,
    /// The number of owners that each slot shall have
    copies: usize,
    /// The owners of each slot
    slots: Vec<Vec<At>>,
    /// For each slot all nodes, the first candidate first
    orders: Vec<Vec<At>>,
}

impl Table {
    /// An empty table.
    pub(super) fn new(mut members: Vec<&Member>, settings: &Settings) -> Self {
        members.sort_by_key(|member| member.id);
        let names: BTreeSet<&str> = members.iter().map(|member| member.zone.as_str()).collect();
        let zone = |member: &Member| names.iter().position(|name| *name == member.zone).unwrap_or_default();
        let mut sizes = vec![0; names.len()];
        members.iter().for_each(|member| sizes[zone(member)] += 1);

        let copies = usize::from(settings.replication_factor).min(members.len());
        let spread = Spread::new(sizes, copies);
        let shares = spread.shares();
        let node = |member: &&Member| {
            let share = shares[zone(member)] * f64::from(settings.slots);
            Node {
                id: member.id,
                zone: zone(member),
                takes: !member.full,
                load: 0,
                // Halving leaves an error in the last digits, which must not become a slot.
                least: (LEAST * share + 1e-6).floor() as usize,
                most: (MOST * share - 1e-6).ceil() as usize,
            }
        };
        let nodes: Vec<Node> = members.iter().map(node).collect();
        Self {
            orders: orders(&nodes, settings.slots),
            slots: vec![Vec::new(); usize::from(settings.slots)],
            nodes,
            spread,
            copies,
        }
    }

    /// Takes over the previous owners as far as they may stay.
    pub(super) fn keep(&mut self, previous: &Owners) {
        let places: BTreeMap<NodeId, At> = self.nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
        for (slot, replicas) in previous.iter().enumerate().take(self.slots.len()) {
            for at in replicas.iter().filter_map(|id| places.get(id)) {
                if self.slots[slot].len() < self.copies && self.allowed(slot, *at) {
                    self.give(slot, *at);
                }
            }
        }
    }

    /// Takes from nodes with too many slots those for which they are late candidates.
    pub(super) fn shed(&mut self) {
        for at in 0..self.nodes.len() {
            if self.nodes[at].load <= self.nodes[at].most {
                continue;
            }
            let mut held = self.slots_by_rank(at, |owners| owners.contains(&at));
            while let Some(slot) = held.pop().filter(|_| self.nodes[at].load > self.nodes[at].most) {
                self.take(slot, at);
            }
        }
    }

    /// Gives each slot the owners that it lacks.
    pub(super) fn fill(&mut self) {
        for slot in 0..self.slots.len() {
            while self.slots[slot].len() < self.copies {
                let found = self
                    .first_below(slot, |node| node.least)
                    .or_else(|| self.first_below(slot, |node| node.most))
                    .or_else(|| self.make_room(slot))
                    .or_else(|| self.least_loaded(slot, true))
                    .or_else(|| self.least_loaded(slot, false));
                match found {
                    Some(at) => self.give(slot, at),
                    None => break,
                }
            }
        }
    }

    /// Moves slots to nodes that have too few, from the fullest.
    pub(super) fn raise(&mut self) {
        for at in 0..self.nodes.len() {
            if !self.nodes[at].takes || self.nodes[at].load >= self.nodes[at].least {
                continue;
            }
            for slot in self.slots_by_rank(at, |owners| !owners.contains(&at)) {
                if self.nodes[at].load >= self.nodes[at].least {
                    break;
                }
                if let Some(from) = self.giver(slot, at) {
                    self.replace(slot, from, at);
                }
            }
        }
    }

    pub(super) fn into_owners(self) -> Owners {
        let id = |at: &At| self.nodes[*at].id;
        self.slots
            .iter()
            .map(|owners| owners.iter().map(id).collect())
            .collect()
    }

    /// Slots of which `which` is true, those for which the node is an early candidate first.
    fn slots_by_rank(&self, at: At, which: impl Fn(&[At]) -> bool) -> Vec<usize> {
        let mut slots: Vec<usize> = (0..self.slots.len()).filter(|slot| which(&self.slots[*slot])).collect();
        slots.sort_by_cached_key(|slot| self.orders[*slot].iter().position(|other| *other == at));
        slots
    }

    /// Whether the slot may have the node as a further owner.
    fn allowed(&self, slot: usize, at: At) -> bool {
        let owners = &self.slots[slot];
        let zones = owners.iter().map(|owner| self.nodes[*owner].zone);
        !owners.contains(&at) && self.spread.allows(zones, self.nodes[at].zone)
    }

    /// Whether the slot may have `to` instead of its owner `from`.
    fn exchangeable(&self, slot: usize, from: At, to: At) -> bool {
        let owners = &self.slots[slot];
        let others = owners.iter().filter(|owner| **owner != from);
        let zones = others.map(|owner| self.nodes[*owner].zone);
        !owners.contains(&to) && self.spread.allows(zones, self.nodes[to].zone)
    }

    /// The first candidate that has less than the given load.
    fn first_below(&self, slot: usize, load: impl Fn(&Node) -> usize) -> Option<At> {
        let mut order = self.orders[slot].iter().copied();
        order.find(|at| {
            let node = &self.nodes[*at];
            node.takes && node.load < load(node) && self.allowed(slot, *at)
        })
    }

    /// All nodes that the slot may have are at their most: makes room on one of them by moving another slot of it.
    fn make_room(&mut self, slot: usize) -> Option<At> {
        let order = self.orders[slot].clone();
        for at in order {
            if !self.nodes[at].takes || !self.allowed(slot, at) {
                continue;
            }
            for other in self.slots_by_rank(at, |owners| owners.contains(&at)).into_iter().rev() {
                let mut order = self.orders[other].iter().copied();
                let to = order.find(|to| {
                    let node = &self.nodes[*to];
                    node.takes && node.load < node.most && self.exchangeable(other, at, *to)
                });
                if let Some(to) = to {
                    self.replace(other, at, to);
                    return Some(at);
                }
            }
        }
        None
    }

    /// Where no node has room: the one with the fewest slots, of those that zones allow or of all.
    fn least_loaded(&self, slot: usize, by_zone: bool) -> Option<At> {
        let owners = &self.slots[slot];
        let order = self.orders[slot].iter().copied();
        order
            .filter(|at| self.nodes[*at].takes && !owners.contains(at))
            .filter(|at| !by_zone || self.allowed(slot, *at))
            .min_by_key(|at| self.nodes[*at].load)
    }

    /// The owner of the slot that should rather give it to the node `to`.
    fn giver(&self, slot: usize, to: At) -> Option<At> {
        let owners = self.slots[slot].iter().copied();
        owners
            .filter(|at| self.nodes[*at].load > self.nodes[*at].least && self.exchangeable(slot, *at, to))
            .max_by_key(|at| self.nodes[*at].load - self.nodes[*at].least)
    }

    fn give(&mut self, slot: usize, at: At) {
        self.slots[slot].push(at);
        self.nodes[at].load += 1;
    }

    fn take(&mut self, slot: usize, at: At) {
        self.slots[slot].retain(|owner| *owner != at);
        self.nodes[at].load -= 1;
    }

    fn replace(&mut self, slot: usize, from: At, to: At) {
        self.take(slot, from);
        self.give(slot, to);
    }
}

/// For each slot the candidates on the ring. Those of slots that follow each other are the same, so that owners read runs
/// of slots: their rows lie together.
fn orders(nodes: &[Node], slots: u16) -> Vec<Vec<At>> {
    let places: BTreeMap<NodeId, At> = nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
    let ring = Ring::new(places.keys().copied());
    let run = (slots / RUNS).max(1);
    let order = |slot| -> Vec<At> {
        let candidates = ring.candidates(Slot(slot));
        candidates.filter_map(|id| places.get(&id).copied()).collect()
    };
    let runs = (0..slots).step_by(usize::from(run)).map(order);
    runs.flat_map(|order| std::iter::repeat_n(order, usize::from(run)))
        .collect()
}

/// Runs of slots with the same candidates. Shares are cut by slot all the same.
const RUNS: u16 = 64;
