//! The engine as a source of answers.

use super::execute;
use super::query::TraceIndex;
use crate::engine::block::Block;
use crate::engine::error::StorageError;
use crate::engine::store::{BlockFinder, Engine, View};
use async_trait::async_trait;
use common::contract::{AnswerStream, QueryContext, QueryError, SpanSource};
use common::ids::TenantId;
use common::query::Plan;
use std::sync::Arc;

impl TraceIndex for BlockFinder {
    fn blocks_of_trace(&self, view: &View, tenant: TenantId, hash: u64) -> Result<Vec<Arc<Block>>, StorageError> {
        Self::blocks_of_trace(self, view, tenant, hash)
    }
}

#[async_trait]
impl SpanSource for Engine {
    async fn query(&self, plan: Plan, context: QueryContext) -> Result<AnswerStream, QueryError> {
        execute::run(
            plan,
            context,
            self.view(),
            Arc::new(self.block_finder()),
            self.query_pool(),
        )
    }
}
