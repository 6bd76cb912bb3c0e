//! A storage node as the cluster knows it.

use super::{Incarnation, NodeId};
use serde::{Deserialize, Serialize};

/// Where a node is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MemberState {
    /// Holds slots and takes new ones.
    Active,
    /// Keeps what it has and takes no new slots, until it holds none.
    Draining,
    /// It has not been heard of for long: others take its place, until it is back.
    Away,
}

/// The node misses something that was acknowledged: reads go to others until it has caught up.
///
/// A mark is lifted in two steps, so that no hint for the node is left behind. First `closing` is set: from then on no
/// node takes a hint of this generation. When each node that may hold hints has seen that and holds none, the mark goes.
/// A write that fails in between marks the node anew, with the next generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Counts the marks of this node, from 1
    pub generation: u64,
    pub closing: bool,
}

/// One storage node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    pub id: NodeId,
    /// `host:port` of its one listener
    pub addr: String,
    /// Replicas of a slot lie in different zones where there are enough. May be empty.
    pub zone: String,
    pub incarnation: Incarnation,
    pub state: MemberState,
    pub mark: Option<Mark>,
    /// The generation of its last mark, lifted or not
    pub generation: u64,
    /// Its disk is nearly full: it takes no new slots
    pub full: bool,
}

impl Member {
    /// Whether nothing that was acknowledged is missing on it.
    pub fn in_sync(&self) -> bool {
        self.mark.is_none()
    }
}
