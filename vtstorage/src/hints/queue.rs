//! Where hints wait, as a contract.

use crate::engine::error::StorageError;
use crate::engine::store::{Hint, HintStore};
use async_trait::async_trait;
use common::cluster::{HintCount, NodeId, ReplicaWrite};
use common::contract::WriteError;
use tokio::sync::watch;

/// Keeps the writes that other nodes missed. [`HintStore`] does so in the engine; simulations do in memory.
#[async_trait]
pub trait HintQueue: Send + Sync + 'static {
    /// Keeps a write for `target`; it is durable after `Ok`.
    ///
    /// # Errors
    /// [`WriteError::ReadOnly`] where there is no room.
    async fn put(&self, target: NodeId, write: ReplicaWrite) -> Result<(), WriteError>;

    /// How much is kept for a node, what is being stored included.
    fn count(&self, target: NodeId) -> HintCount;

    /// The nodes that there are hints for.
    fn targets(&self) -> Vec<NodeId>;

    /// Changes when a hint was stored.
    fn stored(&self) -> watch::Receiver<u64>;

    /// The oldest hints for a node after the one with a number (0: all), with payloads of up to `max_bytes`, but at least
    /// one.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn oldest(&self, target: NodeId, after: u64, max_bytes: u64) -> Result<Vec<Hint>, StorageError>;

    /// Deletes hints that their target has. A crash may bring them back.
    ///
    /// # Errors
    /// When the disk fails.
    async fn remove(&self, target: NodeId, numbers: Vec<u64>) -> Result<(), StorageError>;
}

#[async_trait]
impl HintQueue for HintStore {
    async fn put(&self, target: NodeId, write: ReplicaWrite) -> Result<(), WriteError> {
        Self::put(self, target, write).await
    }

    fn count(&self, target: NodeId) -> HintCount {
        Self::count(self, target)
    }

    fn targets(&self) -> Vec<NodeId> {
        Self::targets(self)
    }

    fn stored(&self) -> watch::Receiver<u64> {
        Self::stored(self)
    }

    async fn oldest(&self, target: NodeId, after: u64, max_bytes: u64) -> Result<Vec<Hint>, StorageError> {
        Self::oldest(self, target, after, max_bytes).await
    }

    async fn remove(&self, target: NodeId, numbers: Vec<u64>) -> Result<(), StorageError> {
        Self::remove(self, target, numbers).await
    }
}
