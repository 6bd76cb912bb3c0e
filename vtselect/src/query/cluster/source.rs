//! The entrance: a [`SpanSource`] over the nodes of a cluster.

use super::health::Health;
use super::held::{Out, Piece};
use super::ranking;
use super::reading::{Asker, Reading};
use super::shares;
use async_trait::async_trait;
use common::cluster::{ClusterView, Scope, Slot, SlotSet};
use common::contract::{AnswerStream, QueryContext, QueryError, SpanSource};
use common::ids::TraceId;
use common::query::{Answer, Order, Plan, Shape};
use futures::stream;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Parts that wait to be taken.
const WAITING: usize = 16;

/// Answers queries by asking the storage nodes of a cluster. Each span is read from one node; what cannot be read makes
/// the answer [partial](QueryContext::is_partial), if that is allowed, or [unavailable](QueryError::Unavailable).
pub struct ClusterSource {
    view: Arc<dyn ClusterView>,
    health: Arc<Health>,
}

impl ClusterSource {
    pub fn new(view: Arc<dyn ClusterView>) -> Self {
        metrics::describe_counter!(
            "vt_select_failovers_total",
            "storage nodes that failed a query, whose part others were asked for"
        );
        let health = Health::new(view.clone());
        Self { view, health }
    }
}

#[async_trait]
impl SpanSource for ClusterSource {
    async fn query(&self, plan: Plan, context: QueryContext) -> Result<AnswerStream, QueryError> {
        context.check()?;
        plan.check()?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let asker = Asker {
            view: self.view.clone(),
            health: self.health.clone(),
            out: Out { sender, context },
        };
        let scope = asked(&plan, asker.first_state().await?.settings.slots);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let out = asker.out.clone();
            if let Err(error) = answer(asker, plan, scope).await {
                // Nobody need listen any more.
                let _ = out.send(Err(error), None).await;
            }
        });
        Ok(Box::pin(stream::unfold((receiver, task), next)))
    }
}

/// The next part. Dropping the task with the stream ends the query.
async fn next<T>((mut receiver, task): Inlet<T>) -> Option<(Result<Answer, QueryError>, Inlet<T>)> {
    let Piece { answer, reserved } = receiver.recv().await?;
    drop(reserved);
    Some((answer, (receiver, task)))
}

type Inlet<T> = (mpsc::Receiver<Piece>, T);

/// The slots that can have an answer.
fn asked(plan: &Plan, slots: u16) -> Scope {
    match &plan.shape {
        Shape::TracesById(ids) => Scope::of(slots, slots_of(ids, slots)),
        _ => Scope::all(slots),
    }
}

fn slots_of(ids: &[TraceId], slots: u16) -> SlotSet {
    ids.iter().map(|id| Slot::of(*id, slots)).collect()
}

async fn answer(asker: Asker, plan: Plan, scope: Scope) -> Result<(), QueryError> {
    match (&plan.shape, shares::of(&plan, asker.readers()?)) {
        (Shape::Search { limit, order }, _) => {
            let best = (*limit, *order);
            search(asker, plan, best, scope).await
        }
        (_, Some(shares)) => shares::answer(asker, plan, shares, scope).await,
        _ => Reading::run(asker, Arc::new(plan), scope).await,
    }
}

/// Asks first which traces match, then for the spans of the best ones: each node finds as many traces as are wanted, of
/// which most are not among the best of all. A trace is read whole, wherever its epochs lie.
async fn search(asker: Asker, plan: Plan, (limit, order): (usize, Order), scope: Scope) -> Result<(), QueryError> {
    let (tenant, slots) = (plan.tenant, scope.slots);
    let (ranks, stats) = ranking::best(&asker, plan, (limit, order), scope).await?;
    let found = Vec::new();
    asker.out.send(Ok(Answer::Traces { found, stats }), None).await?;
    let ids: Vec<TraceId> = ranks.keys().copied().collect();
    for ids in ids.chunks(TRACES_PER_READING) {
        let scope = Scope::of(slots, slots_of(ids, slots));
        let plan = Arc::new(Plan::traces_by_id(tenant, ids.to_vec()));
        let (inner, pieces) = asker.inner();
        let hand_on = async {
            let mut pieces = pieces;
            while let Some(mut piece) = pieces.recv().await {
                if let Ok(Answer::Traces { found, .. }) = &mut piece.answer {
                    let rank = |id| ranks.get(&id).copied().unwrap_or_default();
                    found
                        .iter_mut()
                        .for_each(|found| found.rank = rank(found.trace.trace_id));
                }
                asker.out.hand_on(piece).await?;
            }
            Ok(())
        };
        let (read, handed_on) = tokio::join!(Reading::run(inner, plan, scope), hand_on);
        handed_on.and(read)?;
    }
    Ok(())
}

/// Traces that are read at a time: the question for them is to stay small.
const TRACES_PER_READING: usize = 4_096;

impl Asker {
    /// For a part of the query, whose answer is not handed on as it is.
    pub(super) fn inner(&self) -> (Self, mpsc::Receiver<Piece>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let context = self.out.context.clone();
        let inner = Self {
            out: Out { sender, context },
            ..self.clone()
        };
        (inner, receiver)
    }
}
