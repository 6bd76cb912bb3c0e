//! Which nodes get the spans of which slot, as a table made for cutting: slots lead to *groups* of nodes that get the same
//! bytes.

use common::cluster::{ClusterState, NodeId, Slot, SlotSet};
use std::collections::HashMap;
use std::sync::Arc;

/// Nodes that get the same bytes, ascending.
pub type Group = Arc<[NodeId]>;

/// A table from slots to groups. A slot may lead to several groups, or to none.
#[derive(Clone, Debug)]
pub struct Route {
    /// The cluster's number of slots
    slots: u16,
    groups: Vec<Group>,
    /// Entries of `of_slot` for each slot
    width: usize,
    /// Indexes in `groups`, `width` for each slot, the rest of a slot's filled with [`NONE`]
    of_slot: Vec<u16>,
}

const NONE: u16 = u16::MAX;

impl Route {
    /// Where spans go now: each slot to all of its owners. `Err` names a slot without owners.
    ///
    /// Owners of the same slots share a group, so that their spans are copied and compressed once, as long as that does not
    /// make more groups than there are nodes: small messages cost more than they save.
    pub fn of_placement(state: &ClusterState) -> Result<Self, Slot> {
        let mut sets: Vec<Vec<NodeId>> = Vec::with_capacity(usize::from(state.settings.slots));
        for slot in (0..state.settings.slots).map(Slot) {
            let mut owners = state.placement.owners(slot).to_vec();
            owners.sort_unstable();
            owners.dedup();
            if owners.is_empty() {
                return Err(slot);
            }
            sets.push(owners);
        }
        let distinct: std::collections::HashSet<&Vec<NodeId>> = sets.iter().collect();
        let nodes: std::collections::HashSet<&NodeId> = sets.iter().flatten().collect();
        let shared = distinct.len() <= nodes.len();
        let mut table = Table::new(state.settings.slots);
        for (slot, owners) in (0..).map(Slot).zip(&sets) {
            if shared {
                table.add(slot, owners);
            } else {
                owners.iter().for_each(|owner| table.add(slot, &[*owner]));
            }
        }
        Ok(table.finish())
    }

    /// Each set of slots to one node. The same node may come several times, and then gets as many pieces.
    pub fn of_assignment<'a>(slots: u16, assigned: impl IntoIterator<Item = (Group, &'a SlotSet)>) -> Self {
        let mut table = Table::new(slots);
        for (group, slots) in assigned {
            let index = table.new_group(group);
            slots.iter().for_each(|slot| table.lead(slot, index));
        }
        table.finish()
    }

    /// The same without the slots that are not in `slots`.
    pub fn limited_to(&self, slots: &SlotSet) -> Self {
        let mut limited = self.clone();
        for (slot, groups) in (0..).map(Slot).zip(limited.of_slot.chunks_mut(limited.width)) {
            if !slots.contains(slot) {
                groups.fill(NONE);
            }
        }
        limited
    }

    pub fn slots(&self) -> u16 {
        self.slots
    }

    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Groups that a span is copied to, on the average over the slots, times the slots.
    pub fn copies(&self) -> usize {
        self.of_slot.iter().filter(|group| **group != NONE).count()
    }

    /// The indexes of the slot's groups.
    #[inline]
    pub fn of(&self, slot: Slot) -> impl Iterator<Item = usize> + '_ {
        let at = usize::from(slot.0) * self.width;
        let groups = self.of_slot.get(at..at + self.width).unwrap_or_default();
        groups
            .iter()
            .take_while(|group| **group != NONE)
            .map(|group| usize::from(*group))
    }
}

/// A route in the making.
struct Table {
    slots: u16,
    groups: Vec<Group>,
    known: HashMap<Vec<NodeId>, u16>,
    of_slot: Vec<Vec<u16>>,
}

impl Table {
    fn new(slots: u16) -> Self {
        Self {
            slots,
            groups: Vec::new(),
            known: HashMap::new(),
            of_slot: vec![Vec::new(); usize::from(slots)],
        }
    }

    fn add(&mut self, slot: Slot, nodes: &[NodeId]) {
        let index = match self.known.get(nodes) {
            Some(index) => *index,
            None => {
                let index = self.new_group(nodes.into());
                self.known.insert(nodes.to_vec(), index);
                index
            }
        };
        self.lead(slot, index);
    }

    fn new_group(&mut self, group: Group) -> u16 {
        let index = u16::try_from(self.groups.len()).unwrap_or(NONE);
        self.groups.push(group);
        index
    }

    fn lead(&mut self, slot: Slot, group: u16) {
        if let Some(groups) = self.of_slot.get_mut(usize::from(slot.0)) {
            groups.push(group);
        }
    }

    fn finish(self) -> Route {
        let width = self.of_slot.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let padded = |groups: Vec<u16>| groups.into_iter().chain(std::iter::repeat(NONE)).take(width);
        Route {
            slots: self.slots,
            groups: self.groups,
            width,
            of_slot: self.of_slot.into_iter().flat_map(padded).collect(),
        }
    }
}
