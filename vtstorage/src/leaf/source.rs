//! The engine as a source of answers.

use super::execute;
use super::query::{Damage, TraceIndex, leave_out};
use super::stream::{Part, PartStream};
use crate::engine::block::StoredBlock;
use crate::engine::error::StorageError;
use crate::engine::store::{BlockFinder, Engine, View};
use async_trait::async_trait;
use common::cluster::{NodeAnswers, NodePart, Scope};
use common::contract::{AnswerStream, QueryContext, QueryError, SpanSource};
use common::ids::TenantId;
use common::query::{Plan, Shape};
use common::time::TimeRange;
use futures::stream::{self, StreamExt};
use std::sync::Arc;

impl TraceIndex for BlockFinder {
    fn blocks_of_trace(&self, view: &View, tenant: TenantId, hash: u64) -> Result<Vec<Arc<StoredBlock>>, StorageError> {
        Self::blocks_of_trace(self, view, tenant, hash)
    }

    fn unreadable(&self, block: &StoredBlock, why: &StorageError) {
        Self::unreadable(self, block, why);
    }
}

/// When spans may start that an answer is made of.
fn range_of(plan: &Plan) -> TimeRange {
    match plan.shape {
        Shape::TracesById(_) | Shape::Search { .. } | Shape::Calls | Shape::Catalogue(_) => TimeRange::ALL,
        _ => plan.range,
    }
}

impl Engine {
    /// As [`SpanSource::query`], about what is in scope only. The last part says `in_sync` unless something that may be
    /// in scope could not be read, now or at the start; whether the node misses something else is for the caller to know. After an error there is no
    /// end.
    ///
    /// A [`common::query::Shape::Search`] finds traces by their spans in scope and gives all spans of them that are
    /// stored here; the scope of a [`common::query::Shape::Catalogue`] is of no meaning.
    pub fn query_within(&self, mut plan: Plan, scope: Scope, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        let damage = Damage::default();
        plan.range = self.kept_of(plan.range);
        // The catalogue is not cut by scope.
        let asked = Some(&scope).filter(|_| !matches!(plan.shape, Shape::Catalogue(_)));
        let (view, lacks) = self.view_of(range_of(&plan), asked);
        if lacks {
            damage.found();
        }
        let (index, within) = (Arc::new(self.block_finder()), (scope, damage.clone()));
        let answer = execute::run_within(plan, within, context, view, index, self.query_pool())?;
        Ok(with_end(answer, damage))
    }
}

/// The answer with its end, unless it fails.
fn with_end(answer: PartStream, damage: Damage) -> NodeAnswers {
    let parts = stream::unfold(Some(answer), move |answer| {
        let damage = damage.clone();
        async move {
            let mut answer = answer?;
            Some(match answer.next().await {
                Some(Ok(Part::Answer(part))) => (Ok(NodePart::Part(part)), Some(answer)),
                Some(Ok(Part::Encoded(part))) => (Ok(NodePart::Encoded(part)), Some(answer)),
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
        let (view, lacks) = self.view_of(range_of(&plan), None);
        if lacks {
            leave_out(&context)?;
        }
        execute::run_or_partial(plan, context, view, Arc::new(self.block_finder()), self.query_pool())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::store::testing::{message, open, spans, write};
    use common::cluster::{ScopeRange, SlotSet};
    use common::ids::Epoch;
    use common::query::{Answer, Filter, Projection, RowOrder, RowsQuery};

    fn rows() -> Plan {
        let query = RowsQuery {
            projection: Projection::Spans,
            order: RowOrder::Any,
            limit: None,
        };
        Plan {
            tenant: TenantId(0),
            range: TimeRange::ALL,
            filter: Filter::All,
            shape: Shape::Rows(query),
        }
    }

    fn scope(epochs: (u32, u32)) -> Scope {
        let range = ScopeRange {
            epochs: (Epoch(epochs.0), Epoch(epochs.1)),
            slots: SlotSet::all(16),
        };
        Scope {
            slots: 16,
            ranges: vec![range],
        }
    }

    async fn ask(engine: &Engine, scope: Scope) -> (usize, bool) {
        let answers = engine.query_within(rows(), scope, QueryContext::unlimited()).unwrap();
        let parts = answers.map(Result::unwrap).collect::<Vec<_>>().await;
        let Some((NodePart::End { in_sync }, parts)) = parts.split_last() else {
            panic!("no end: {parts:?}")
        };
        let found = parts.iter().map(|part| match part {
            NodePart::Part(Answer::Rows { parts, .. }) => parts.iter().map(|part| part.len()).sum::<usize>(),
            other => panic!("{other:?}"),
        });
        (found.sum(), *in_sync)
    }

    #[tokio::test]
    async fn an_answer_ends_and_says_whether_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path(), &[]);
        write(&engine, message("shop", spans(0, 50, 3))).await.unwrap();
        engine.force_flush().await.unwrap();
        write(&engine, message("shop", spans(50, 20, 3))).await.unwrap();
        assert_eq!(ask(&engine, scope((0, 3))).await, (70, true));
        assert_eq!(ask(&engine, scope((1, 3))).await, (0, true));
        let late = QueryContext::new(std::time::Duration::ZERO, usize::MAX);
        assert!(engine.query_within(rows(), scope((0, 3)), late).is_err());
        let small = QueryContext::new(std::time::Duration::from_secs(60), 100);
        let answers = engine.query_within(rows(), scope((0, 3)), small).unwrap();
        let parts = answers.collect::<Vec<_>>().await;
        assert!(
            matches!(parts.last(), Some(Err(QueryError::OverBudget { .. }))),
            "{parts:?}"
        );
    }
}
