//! The replicated state of a cluster: small, and the same on every node at the same version.

use super::{ClusterId, Member, NodeId, Slot, Transfers};
use crate::ids::Epoch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the whole cluster. Flags give them at the start; later they are changed by command only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Copies of each span, at least 1
    pub replication_factor: u8,
    /// Number of slots, a power of two; fixed for ever
    pub slots: u16,
    /// How long spans are kept, in seconds
    pub retention_seconds: u64,
}

/// From an epoch on, a slot's spans lie on these nodes, until the next entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PlacementEntry {
    pub from: Epoch,
    /// Most preferred first; fewer than the replication factor where there are fewer nodes, and none where all that was
    /// written is lost
    pub replicas: Vec<NodeId>,
    /// No span written under an earlier epoch is of a later day (days since 1970-01-01, UTC): when older days are no
    /// longer kept, nothing of the entries before is left
    pub after_day: u32,
}

/// Who holds what: for each slot its history, oldest entry first. Data of (slot, epoch) lies on the replicas of the last
/// entry at or before that epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Placement {
    pub slots: Vec<Vec<PlacementEntry>>,
}

/// The nodes that hold each slot, by slot.
pub type Owners = Vec<Vec<NodeId>>;

impl Placement {
    /// The present owners of all slots.
    pub fn all_owners(&self) -> Owners {
        self.slots
            .iter()
            .map(|history| history.last().map_or_else(Vec::new, |entry| entry.replicas.clone()))
            .collect()
    }

    /// Whether the node holds any slot, now or in the history.
    pub fn names(&self, node: NodeId) -> bool {
        let mut entries = self.slots.iter().flatten();
        entries.any(|entry| entry.replicas.contains(&node))
    }

    /// The history of a slot, oldest first; empty if there is no such slot.
    pub fn history(&self, slot: Slot) -> &[PlacementEntry] {
        self.slots.get(usize::from(slot.0)).map_or(&[], Vec::as_slice)
    }

    /// When the owners that `slot` has under `epoch` became its owners: 0 where that is not known any more.
    pub fn begin(&self, slot: Slot, epoch: Epoch) -> Epoch {
        let mut newest_first = self.history(slot).iter().rev();
        let entry = newest_first.find(|entry| entry.from <= epoch);
        entry.map_or(Epoch(0), |entry| entry.from)
    }

    /// Where the spans of `slot` written under `epoch` lie.
    pub fn replicas(&self, slot: Slot, epoch: Epoch) -> &[NodeId] {
        let mut newest_first = self.history(slot).iter().rev();
        newest_first
            .find(|entry| entry.from <= epoch)
            .map_or(&[], |entry| entry.replicas.as_slice())
    }

    /// The entries of a slot, each with its first and last epoch; the last one has no end.
    pub fn stretches(&self, slot: Slot) -> impl Iterator<Item = ((Epoch, Epoch), &PlacementEntry)> {
        let history = self.history(slot);
        let ends = history.iter().skip(1).map(|next| next.from.0.saturating_sub(1));
        let entries = history.iter().zip(ends.chain([u32::MAX]));
        entries.map(|(entry, end)| ((entry.from, Epoch(end)), entry))
    }

    /// Where spans of `slot` go now.
    pub fn owners(&self, slot: Slot) -> &[NodeId] {
        self.history(slot).last().map_or(&[], |entry| entry.replicas.as_slice())
    }
}

/// All that the storage nodes agree on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClusterState {
    pub cluster: ClusterId,
    /// Grows with each change
    pub version: u64,
    /// Grows with each change of placement; spans are written under it
    pub epoch: Epoch,
    pub settings: Settings,
    pub members: BTreeMap<NodeId, Member>,
    pub placement: Placement,
    /// The first day (days since 1970-01-01, UTC) whose spans are kept
    pub oldest_day: u32,
    /// Nothing is written under this epoch and earlier ones any more, not even as a hint. The state of an earlier
    /// release has none: 0, under which nothing is written in a cluster.
    #[serde(default)]
    pub sealed: Epoch,
    /// The version with which the present epoch began
    #[serde(default)]
    pub placed_at: u64,
    /// A matter of the storage nodes: others see none
    #[serde(default)]
    pub transfers: Transfers,
}

impl ClusterState {
    pub fn member(&self, id: NodeId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// Whether the node is a member without a mark.
    pub fn in_sync(&self, id: NodeId) -> bool {
        self.member(id).is_some_and(Member::in_sync)
    }
}
