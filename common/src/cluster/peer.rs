//! What storage nodes ask of each other about hints.

use super::{NodeId, ReplicaWrite, StorageNode};
use crate::contract::WriteError;
use async_trait::async_trait;

/// The hints that a node keeps for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HintCount {
    /// Writes
    pub hints: u64,
    /// Bytes of their payloads
    pub bytes: u64,
}

/// A storage node, seen from another one.
#[async_trait]
pub trait PeerNode: StorageNode {
    /// Stores spans that a hint kept for this node, whatever their epoch. Idempotent as [`StorageNode::write`].
    ///
    /// # Errors
    /// As [`StorageNode::write`], but never for the epoch.
    async fn deliver(&self, write: ReplicaWrite) -> Result<(), WriteError>;

    /// The hints that the node keeps for `target`.
    async fn hints_for(&self, target: NodeId) -> Result<HintCount, WriteError>;

    /// Whether the node keeps no hint for `target` and takes none for the mark of `generation`: it has applied the state
    /// `version`, which closes that mark, before it looks.
    async fn confirm_no_hints(&self, target: NodeId, generation: u64, version: u64) -> Result<bool, WriteError>;
}
