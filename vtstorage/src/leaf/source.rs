//! The engine as a source of answers.

use super::execute;
use super::query::{Damage, TraceIndex};
use crate::engine::block::Block;
use crate::engine::error::StorageError;
use crate::engine::store::{BlockFinder, Engine, View};
use async_trait::async_trait;
use common::cluster::{NodeAnswers, NodePart, Scope};
use common::contract::{AnswerStream, QueryContext, QueryError, SpanSource};
use common::ids::TenantId;
use common::query::Plan;
use futures::stream::{self, StreamExt};
use std::sync::Arc;

impl TraceIndex for BlockFinder {
    fn blocks_of_trace(&self, view: &View, tenant: TenantId, hash: u64) -> Result<Vec<Arc<Block>>, StorageError> {
        Self::blocks_of_trace(self, view, tenant, hash)
    }
}

impl Engine {
    /// As [`SpanSource::query`], about what is in scope only. The last part says `in_sync` unless something in scope
    /// could not be read; whether the node misses something else is for the caller to know. After an error there is no
    /// end.
    ///
    /// A [`common::query::Shape::Search`] finds traces by their spans in scope and gives all spans of them that are
    /// stored here; the scope of a [`common::query::Shape::Catalogue`] is of no meaning.
    pub fn query_within(&self, plan: Plan, scope: Scope, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        let damage = Damage::default();
        let (view, index) = (self.view(), Arc::new(self.block_finder()));
        let within = (scope, damage.clone());
        let answer = execute::run_within(plan, within, context, view, index, self.query_pool())?;
        Ok(with_end(answer, damage))
    }
}

/// The answer with its end, unless it fails.
fn with_end(answer: AnswerStream, damage: Damage) -> NodeAnswers {
    let parts = stream::unfold(Some(answer), move |answer| {
        let damage = damage.clone();
        async move {
            let mut answer = answer?;
            Some(match answer.next().await {
                Some(Ok(part)) => (Ok(NodePart::Part(part)), Some(answer)),
                Some(Err(e)) => (Err(e), None),
                None => {
                    let in_sync = !damage.is_found();
                    (Ok(NodePart::End { in_sync }), None)
                }
            })
        }
    });
    parts.boxed()
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
