//! What a node keeps its spans in, as a contract.

use crate::engine::store::Engine;
use async_trait::async_trait;
use common::cluster::{NodeAnswers, ReplicaWrite, Scope};
use common::contract::{QueryContext, QueryError, WriteError};
use common::query::Plan;

/// Keeps this node's replicas of spans. [`Engine`] does so on disk; simulations do in memory.
#[async_trait]
pub trait ReplicaStore: Send + Sync + 'static {
    /// Stores spans durably, each slot of a request once. `slots` is the cluster's number of slots.
    ///
    /// # Errors
    /// As [`common::cluster::StorageNode::write`], but never for the epoch.
    async fn write(&self, write: ReplicaWrite, slots: u16) -> Result<(), WriteError>;

    /// Answers about what is in scope. The end says whether the store could read all of it.
    ///
    /// # Errors
    /// Those of the plan, and of the disk.
    fn query(&self, plan: Plan, scope: Scope, context: QueryContext) -> Result<NodeAnswers, QueryError>;
}

#[async_trait]
impl ReplicaStore for Engine {
    async fn write(&self, write: ReplicaWrite, slots: u16) -> Result<(), WriteError> {
        self.write_replica(write, slots).await
    }

    fn query(&self, plan: Plan, scope: Scope, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        self.query_within(plan, scope, context)
    }
}
