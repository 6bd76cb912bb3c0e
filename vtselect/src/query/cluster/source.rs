//! The entrance: a [`SpanSource`] over the nodes of a cluster.

use super::health::Health;
use super::held::{Out, Piece};
use super::reading::{Answered, Asker, Reading};
use async_trait::async_trait;
use common::cluster::{ClusterView, Scope, Slot, SlotSet};
use common::contract::{AnswerStream, QueryContext, QueryError, SpanSource};
use common::ids::TraceId;
use common::query::{Answer, Plan, Shape};
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
    match &plan.shape {
        Shape::Search { .. } => search(asker, plan, scope).await,
        _ => Reading::run(asker, Arc::new(plan), scope).await.map(|_| ()),
    }
}

/// A node gives what it has of a trace that it found. Of slots whose epochs lie on several nodes, the others are asked
/// for the rest.
async fn search(asker: Asker, plan: Plan, scope: Scope) -> Result<(), QueryError> {
    let slots = scope.slots;
    let plan = Arc::new(plan);
    let (mut whole, answered) = gather(&asker, plan.clone(), scope).await?;
    whole.finish(&plan);
    let shared = answered.shared_slots();
    let ids: Vec<TraceId> = match &whole {
        _ if shared.is_empty() => Vec::new(),
        Answer::Traces { found, .. } => found.iter().map(|found| found.trace.trace_id).collect(),
        _ => Vec::new(),
    };
    let ids: Vec<TraceId> = ids
        .into_iter()
        .filter(|id| shared.contains(Slot::of(*id, slots)))
        .collect();
    if !ids.is_empty() {
        let scope = Scope::of(slots, slots_of(&ids, slots));
        let rest = Arc::new(Plan::traces_by_id(plan.tenant, ids));
        whole.merge(gather(&asker, rest, scope).await?.0);
    }
    asker.out.send(Ok(whole), None).await
}

/// The whole answer to a plan, not finished, and who gave it.
async fn gather(asker: &Asker, plan: Arc<Plan>, scope: Scope) -> Result<(Answer, Answered), QueryError> {
    let (sender, mut receiver) = mpsc::channel::<Piece>(WAITING);
    let context = asker.out.context.clone();
    let inner = Asker {
        out: Out { sender, context },
        ..asker.clone()
    };
    let merged = async {
        let mut whole = Answer::empty_for(&plan);
        while let Some(piece) = receiver.recv().await {
            whole.merge(piece.answer?);
        }
        Ok(whole)
    };
    let (answered, whole) = tokio::join!(Reading::run(inner, plan.clone(), scope), merged);
    Ok((whole?, answered?))
}
