//! Which moves of stored spans are to be begun next: a pure decision over the state. All that was written lies in the
//! end where spans of its slot go now.

use super::{ClusterState, Move, NodeId, Slot, SlotSet};
use crate::ids::Epoch;
use std::collections::BTreeMap;

/// How much is moved at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MoveLimits {
    /// Transfers that one node sends or takes at a time
    pub per_node: usize,
    /// Slots of one transfer
    pub slots: usize,
}

/// What a node gives up without a copy being made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    pub slots: SlotSet,
    pub epochs: (Epoch, Epoch),
    pub node: NodeId,
}

/// What is to be done now, and how much there is to do in all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Moves {
    pub begin: Vec<Move>,
    pub release: Vec<Release>,
    /// Replicas of (slot, stretch of epochs) that are not where they belong, those under way included
    pub left: usize,
    /// Of these, those whose epochs are not sealed yet, or that no usable node has
    pub waiting: usize,
}

/// Moves with the same nodes and epochs. Slots with fewer copies than they shall have come first.
type Group = (bool, (Epoch, Epoch), NodeId, NodeId, Option<NodeId>);

/// Finds what is to be moved from and to nodes that are `usable`: in sync, and believed alive.
pub fn plan_moves(state: &ClusterState, limits: MoveLimits, usable: impl Fn(NodeId) -> bool) -> Moves {
    let mut moves = Moves::default();
    let mut groups: BTreeMap<Group, SlotSet> = BTreeMap::new();
    let mut releases: BTreeMap<((Epoch, Epoch), NodeId), SlotSet> = BTreeMap::new();
    let usable = |node: NodeId| usable(node) && state.in_sync(node);
    for slot in (0..state.settings.slots).map(Slot) {
        let owners = state.placement.owners(slot);
        for (epochs, entry) in state.placement.stretches(slot) {
            let missing = || owners.iter().filter(|owner| !entry.replicas.contains(owner)).copied();
            let surplus = || entry.replicas.iter().filter(|node| !owners.contains(node)).copied();
            let wrong = missing().count().max(surplus().count());
            if wrong == 0 {
                continue;
            }
            moves.left += wrong;
            if is_running(state, slot, epochs) {
                continue;
            }
            if epochs.1 > state.sealed {
                moves.waiting += wrong;
                continue;
            }
            if missing().next().is_none() {
                for node in surplus() {
                    releases.entry((epochs, node)).or_default().insert(slot);
                }
                continue;
            }
            let to = missing().find(|node| usable(*node));
            let is_short = entry.replicas.len() < owners.len();
            let leaves = surplus().min_by_key(|node| usable(*node)).filter(|_| !is_short);
            let sources = || entry.replicas.iter().copied().filter(|node| usable(*node));
            let preferred = leaves.filter(|node| usable(*node));
            let spread = |count: usize| sources().nth(usize::from(slot.0) % count.max(1));
            match (to, preferred.or_else(|| spread(sources().count()))) {
                (Some(to), Some(from)) => {
                    let at_risk = is_short || leaves.is_some_and(|node| !usable(node));
                    let group = (!at_risk, epochs, from, to, leaves);
                    groups.entry(group).or_default().insert(slot);
                }
                _ => moves.waiting += wrong,
            }
        }
    }
    let release = |((epochs, node), slots)| Release { slots, epochs, node };
    moves.release = releases.into_iter().map(release).collect();
    if !state.transfers.paused {
        moves.begin = within_limits(state, limits, groups);
    }
    moves
}

fn is_running(state: &ClusterState, slot: Slot, epochs: (Epoch, Epoch)) -> bool {
    let mut running = state.transfers.running.values();
    running.any(|transfer| transfer.of.epochs == epochs && transfer.of.slots.contains(slot))
}

/// Cuts groups into moves until their nodes have enough to do.
fn within_limits(state: &ClusterState, limits: MoveLimits, groups: BTreeMap<Group, SlotSet>) -> Vec<Move> {
    let (mut sending, mut taking): (BTreeMap<NodeId, usize>, BTreeMap<NodeId, usize>) = Default::default();
    for transfer in state.transfers.running.values() {
        *sending.entry(transfer.of.from).or_default() += 1;
        *taking.entry(transfer.of.to).or_default() += 1;
    }
    let mut begin = Vec::new();
    for ((_, epochs, from, to, leaves), slots) in groups {
        let slots: Vec<Slot> = slots.iter().collect();
        for part in slots.chunks(limits.slots.max(1)) {
            let (sends, takes) = (sending.entry(from).or_default(), taking.entry(to).or_default());
            if *sends >= limits.per_node || *takes >= limits.per_node {
                break;
            }
            (*sends, *takes) = (*sends + 1, *takes + 1);
            let slots = part.iter().copied().collect();
            begin.push(Move {
                slots,
                epochs,
                from,
                to,
                leaves,
            });
        }
    }
    begin
}
