//! Moves of stored spans between nodes: records of the replicated state, and what they are asked for by.

use super::{NodeId, SlotSet};
use crate::ids::Epoch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A copy that is to be made: of some slots, of all that was written under a stretch of closed epochs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Move {
    pub slots: SlotSet,
    /// First and last epoch, both included: those of one entry in the history of each of the slots
    pub epochs: (Epoch, Epoch),
    /// A replica, which the spans are read from
    pub from: NodeId,
    /// The node that becomes a replica
    pub to: NodeId,
    /// The replica that it takes the place of; `None` where the slots get one replica more
    pub leaves: Option<NodeId>,
}

/// A move under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Transfer {
    /// Never used again
    pub id: u64,
    pub of: Move,
    /// How often its target has begun it; 0: not yet
    pub attempt: u64,
}

/// All moves under way.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Transfers {
    /// The id of the last one
    pub last_id: u64,
    /// No new ones are begun
    pub paused: bool,
    pub running: BTreeMap<u64, Transfer>,
}

impl Transfers {
    /// Those that a node is to carry out.
    pub fn to(&self, node: NodeId) -> impl Iterator<Item = &Transfer> {
        self.running.values().filter(move |transfer| transfer.of.to == node)
    }
}
