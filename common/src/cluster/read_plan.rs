//! Who is asked for what: pure. Of each slot and each stretch of its history one replica is chosen, so that every span
//! is read once.

use super::{ClusterState, NodeId, Placement, PlacementEntry, Scope, ScopeRange, Slot, SlotSet};
use crate::ids::Epoch;
use std::collections::{BTreeMap, HashMap};

/// A plan of reading.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReadPlan {
    /// Disjoint scopes, one for each node that is asked; together with `missing` all of what was asked that holds data
    pub nodes: BTreeMap<NodeId, Scope>,
    /// What no usable node holds
    pub missing: Scope,
}

impl Scope {
    /// All epochs of some slots.
    pub fn of(slots: u16, which: SlotSet) -> Self {
        let epochs = (Epoch(0), Epoch(u32::MAX));
        let ranges = vec![ScopeRange { epochs, slots: which }];
        Self { slots, ranges }
    }

    /// All epochs of all slots.
    pub fn all(slots: u16) -> Self {
        Self::of(slots, SlotSet::all(slots))
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.iter().all(|range| range.slots.is_empty())
    }

    /// The slots of which an epoch is in it.
    pub fn slots_at(&self, epoch: Epoch) -> SlotSet {
        let ranges = self.ranges.iter();
        let held = ranges.filter(|range| range.epochs.0 <= epoch && epoch <= range.epochs.1);
        held.fold(SlotSet::new(), |mut all, range| {
            all.extend(&range.slots);
            all
        })
    }

    /// The slots of which some epochs are in it.
    pub fn slot_set(&self) -> SlotSet {
        self.ranges.iter().fold(SlotSet::new(), |mut all, range| {
            all.extend(&range.slots);
            all
        })
    }
}

/// Chooses for each slot and epoch in `asked` one node that holds it and is `usable` (in sync and believed alive), such
/// that the nodes have about as much to read. Also for what a node that failed was asked for: then `asked` is its scope.
///
/// Epochs before a slot's history hold nothing, and are in no scope.
pub fn plan_reads(state: &ClusterState, asked: &Scope, usable: impl Fn(NodeId) -> bool) -> ReadPlan {
    let usable = state.members.keys().copied().filter(|id| usable(*id));
    let mut loads: HashMap<NodeId, usize> = usable.map(|id| (id, 0)).collect();
    let mut nodes: BTreeMap<NodeId, Ranges> = BTreeMap::new();
    let mut missing = Ranges::default();
    let run = run_of(asked.slots, state.members.len());
    for range in &asked.ranges {
        let (mut begun, mut chosen) = (None, Vec::new());
        for slot in range.slots.iter() {
            let goes_on = begun.is_some_and(|first: Slot| {
                first.0 / run == slot.0 / run && is_same(state.placement.history(first), state.placement.history(slot))
            });
            if !goes_on {
                begun = Some(slot);
                chosen.clear();
            }
            for (number, (epochs, replicas)) in stretches(&state.placement, slot, range.epochs).enumerate() {
                if !goes_on {
                    let last = chosen.last().copied().flatten();
                    chosen.push(choose(replicas, last, &loads));
                }
                let ranges = match chosen.get(number).copied().flatten() {
                    Some(node) => {
                        *loads.entry(node).or_default() += 1;
                        nodes.entry(node).or_default()
                    }
                    None => &mut missing,
                };
                ranges.add(slot, epochs);
            }
        }
    }
    let slots = asked.slots;
    ReadPlan {
        nodes: nodes
            .into_iter()
            .map(|(id, ranges)| (id, ranges.into_scope(slots)))
            .collect(),
        missing: missing.into_scope(slots),
    }
}

/// How many slots that follow each other are read from the same node if it can be: the rows of a block lie in the order
/// of slots, and passing over many at once costs less. The parts of the nodes then differ by that much, so that there
/// are to be several such runs for each node.
pub(super) fn run_of(slots: u16, nodes: usize) -> u16 {
    let run = usize::from(slots) / (RUNS_PER_NODE * nodes.max(1));
    run.checked_ilog2().map_or(1, |bits| 1 << bits)
}

/// A node's part may be larger than another's by one of so many.
const RUNS_PER_NODE: usize = 16;

/// Whether two slots have always been on the same nodes.
fn is_same(history: &[PlacementEntry], other: &[PlacementEntry]) -> bool {
    history.len() == other.len()
        && history
            .iter()
            .zip(other)
            .all(|(a, b)| a.from == b.from && a.replicas == b.replicas)
}

impl ClusterState {
    /// Whether the node holds all of the scope by this state. Where it does not, whoever made the scope knows an older
    /// state, or a newer one: an answer could be short.
    pub fn holds(&self, node: NodeId, scope: &Scope) -> bool {
        let mut slots = scope
            .ranges
            .iter()
            .flat_map(|range| range.slots.iter().map(|slot| (slot, range.epochs)));
        slots.all(|(slot, epochs)| {
            let mut stretches = stretches(&self.placement, slot, epochs);
            stretches.all(|(_, replicas)| replicas.contains(&node))
        })
    }
}

/// First and last epoch, both included.
type Epochs = (Epoch, Epoch);

/// The replicas of a slot between two epochs, oldest first.
fn stretches(placement: &Placement, slot: Slot, (first, last): Epochs) -> impl Iterator<Item = (Epochs, &[NodeId])> {
    placement.stretches(slot).filter_map(move |((from, end), entry)| {
        let epochs = (from.max(first), end.min(last));
        (epochs.0 <= epochs.1).then_some((epochs, entry.replicas.as_slice()))
    })
}

/// The replica with the least to read; of equals the one that reads the stretch before, then the most preferred.
fn choose(replicas: &[NodeId], last: Option<NodeId>, loads: &HashMap<NodeId, usize>) -> Option<NodeId> {
    let usable = replicas.iter().filter_map(|id| loads.get(id).map(|load| (*id, *load)));
    usable
        .min_by_key(|(id, load)| (*load, last != Some(*id)))
        .map(|(id, _)| id)
}

/// Slots by range of epochs, while they are gathered.
#[derive(Default)]
struct Ranges {
    by_epochs: BTreeMap<Epochs, SlotSet>,
    /// The slot and the range that came last
    last: Option<(Slot, Epochs)>,
}

impl Ranges {
    /// Adds epochs of a slot: of one slot in order, without another slot in between.
    fn add(&mut self, slot: Slot, mut epochs: Epochs) {
        if let Some((_, before)) = self
            .last
            .filter(|(s, before)| *s == slot && before.1.0.checked_add(1) == Some(epochs.0.0))
        {
            if let Some(slots) = self.by_epochs.get_mut(&before) {
                slots.remove(slot);
            }
            epochs.0 = before.0;
        }
        self.by_epochs.entry(epochs).or_default().insert(slot);
        self.last = Some((slot, epochs));
    }

    fn into_scope(self, slots: u16) -> Scope {
        let filled = self.by_epochs.into_iter().filter(|(_, slots)| !slots.is_empty());
        let ranges = filled.map(|(epochs, slots)| ScopeRange { epochs, slots }).collect();
        Scope { slots, ranges }
    }
}
