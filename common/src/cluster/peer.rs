//! What storage nodes ask of each other about hints, and for transfers.

use super::{NodeId, ReplicaWrite, Scope, Slot, SlotDigest, StorageNode};
use crate::contract::WriteError;
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::collections::BTreeMap;

/// The hints that a node keeps for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HintCount {
    /// Writes
    pub hints: u64,
    /// Bytes of their payloads
    pub bytes: u64,
}

/// What a node asks a replica for, to become one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pull {
    /// Epochs that are sealed
    pub scope: Scope,
    /// Spans of this day (since 1970-01-01, UTC) only, by a replica that has lost some of it. Such an answer ends
    /// without digests.
    pub day: Option<u32>,
    /// The state by which they are; to be applied before anything is given
    pub version: u64,
}

/// What a replica gives, in order: any number of writes, then the end.
#[derive(Clone, PartialEq, Debug)]
pub enum Pulled {
    /// Spans; its one part has no request id
    Write(ReplicaWrite),
    /// The last: the digests of all slots in scope that have spans
    End(BTreeMap<Slot, SlotDigest>),
}

/// A stream that ends without [`Pulled::End`] is broken.
pub type Pulls = BoxStream<'static, Result<Pulled, WriteError>>;

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

    /// All that the node holds of a scope, once nothing is being written under its epochs any more.
    ///
    /// # Errors
    /// When it is no replica of all of it, out of sync, or cannot read it.
    async fn pull(&self, pull: Pull) -> Result<Pulls, WriteError>;
}
