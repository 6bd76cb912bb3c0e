//! The contract of reading.

use super::{QueryContext, QueryError};
use crate::query::{Answer, Plan};
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};

/// The parts of an answer as they become ready; dropping it cancels the query. Parts of one answer merge by
/// [`Answer::merge`], in any order.
pub type AnswerStream = BoxStream<'static, Result<Answer, QueryError>>;

/// Answers query plans over the spans it holds, all that were acknowledged before the call included.
#[async_trait]
pub trait SpanSource: Send + Sync + 'static {
    async fn query(&self, plan: Plan, context: QueryContext) -> Result<AnswerStream, QueryError>;
}

/// Runs `plan` and merges all parts of its answer.
pub async fn collect(source: &dyn SpanSource, plan: Plan, context: QueryContext) -> Result<Answer, QueryError> {
    let mut whole = Answer::empty_for(&plan);
    let mut parts = source.query(plan.clone(), context).await?;
    while let Some(part) = parts.next().await {
        whole.merge(part?);
    }
    whole.finish(&plan);
    Ok(whole)
}
