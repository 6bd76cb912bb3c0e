//! What a node keeps its spans in, as a contract.

use crate::engine::error::StorageError;
use crate::engine::store::Engine;
use crate::leaf::Exports;
use async_trait::async_trait;
use common::cluster::{NodeAnswers, Placement, ReplicaWrite, Scope, Slot, SlotDigest};
use common::contract::{QueryContext, QueryError, WriteError};
use common::ids::Epoch;
use common::query::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// Keeps this node's replicas of spans. [`Engine`] does so on disk; simulations do in memory.
#[async_trait]
pub trait ReplicaStore: Send + Sync + 'static {
    /// Stores spans durably, each slot of a request once for the same owners. `slots` is the cluster's number of slots.
    ///
    /// # Errors
    /// As [`common::cluster::StorageNode::write`], but never for the epoch.
    async fn write(&self, write: ReplicaWrite, slots: u16, placement: &Placement) -> Result<(), WriteError>;

    /// Answers about what is in scope. The end says whether the store could read all of it.
    ///
    /// # Errors
    /// Those of the plan, and of the disk.
    fn query(&self, plan: Plan, scope: Scope, context: QueryContext) -> Result<NodeAnswers, QueryError>;

    /// All spans in a scope, as writes whose one part has no request id; an error where some of it cannot be read.
    fn export(&self, scope: Scope) -> Exports;

    /// As [`Self::export`], of one day since 1970-01-01, UTC, for a replica that cannot read it any more.
    fn export_day(&self, scope: Scope, day: u32) -> Exports;

    /// The digest of each slot in scope that has spans.
    ///
    /// # Errors
    /// When some of it cannot be read.
    async fn digest(&self, scope: Scope) -> Result<BTreeMap<Slot, SlotDigest>, StorageError>;

    /// Drops what is in scope, durably; queries under way go on as if it were there. The number of spans.
    ///
    /// # Errors
    /// When the disk fails.
    async fn discard(&self, scope: Scope) -> Result<u64, StorageError>;

    /// Makes what was written before outlive a power cut.
    ///
    /// # Errors
    /// When the disk fails.
    async fn sync(&self) -> Result<(), StorageError>;

    /// The epochs that anything is stored under.
    fn epochs(&self) -> BTreeSet<Epoch>;
}

#[async_trait]
impl ReplicaStore for Engine {
    async fn write(&self, write: ReplicaWrite, slots: u16, placement: &Placement) -> Result<(), WriteError> {
        self.write_replica(write, slots, placement).await
    }

    fn query(&self, plan: Plan, scope: Scope, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        self.query_within(plan, scope, context)
    }

    fn export(&self, scope: Scope) -> Exports {
        Self::export(self, scope)
    }

    fn export_day(&self, scope: Scope, day: u32) -> Exports {
        self.export_of(scope, Some(day))
    }

    async fn digest(&self, scope: Scope) -> Result<BTreeMap<Slot, SlotDigest>, StorageError> {
        Self::digest(self, scope).await
    }

    async fn discard(&self, scope: Scope) -> Result<u64, StorageError> {
        Self::discard(self, scope).await
    }

    async fn sync(&self) -> Result<(), StorageError> {
        Self::sync(self).await
    }

    fn epochs(&self) -> BTreeSet<Epoch> {
        let view = self.view();
        let in_heads = view.batches().map(|head| head.batch.epoch);
        in_heads.chain(view.blocks().map(|block| block.epoch())).collect()
    }
}
