//! One node's answer to one scope.

use super::delivered::Delivered;
use super::health::Health;
use super::held::{Held, Out};
use common::cluster::{NodeAnswers, NodeId, NodePart, NodeQuery, Scope, Slot, StorageNode};
use common::contract::QueryError;
use common::query::{Answer, Plan, Shape};
use common::wire::decode_answer;
use futures::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A node that does not begin to answer within this time is given up.
const FIRST_SIGN: Duration = Duration::from_secs(1);
/// A node that sends nothing for so long is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(1);

/// What a node is asked for.
pub(super) struct Attempt {
    pub id: NodeId,
    pub node: Option<Arc<dyn StorageNode>>,
    pub scope: Scope,
    /// Of the state that the scope was made from
    pub version: u64,
    /// Its answer counts although it may be short
    pub last_resort: bool,
    /// Rows of the scope that were handed on before
    pub delivered: Delivered,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All that the node has in scope was handed on.
    Complete,
    /// The node is away or broken: others shall answer.
    Lost(QueryError),
    /// The node does not know whether it has everything, or holds another state of the cluster.
    NotInSync,
    /// The node has too much to do: others may have less.
    Overloaded(QueryError),
    /// The query fails as a whole.
    Failed(QueryError),
}

impl Attempt {
    pub(super) async fn run(&self, plan: &Plan, out: Out, health: &Health) -> Outcome {
        let Some(node) = &self.node else {
            return Outcome::Lost(QueryError::Unavailable(format!("node {} is not known", self.id)));
        };
        let query = NodeQuery {
            plan: within(plan, &self.scope),
            version: self.version,
            scope: self.scope.clone(),
        };
        let mut held = Held::new(out.clone(), self.delivered.clone());
        let end = match timeout(FIRST_SIGN, node.query(query, out.context.part())).await {
            Ok(Ok(mut answers)) => self.take(&mut answers, &mut held, health).await,
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.silent()),
        };
        let error = match end {
            Ok(in_sync) if in_sync || self.last_resort => {
                return held
                    .complete()
                    .await
                    .map_or_else(Outcome::Failed, |()| Outcome::Complete);
            }
            Ok(_) => None,
            Err(error) => Some(error),
        };
        let replaceable = held.give_up();
        match error {
            None if replaceable => Outcome::NotInSync,
            None => Outcome::Failed(too_many_rows(self.id)),
            Some(QueryError::Unavailable(_) | QueryError::Storage(_) | QueryError::Overloaded(_)) if !replaceable => {
                Outcome::Failed(too_many_rows(self.id))
            }
            Some(error) => outcome_of(error, &out),
        }
    }

    /// Takes the parts until the end; whether the node is in sync.
    async fn take(&self, answers: &mut NodeAnswers, held: &mut Held, health: &Health) -> Result<bool, QueryError> {
        loop {
            let part = match timeout(SILENCE, answers.next()).await {
                Ok(Some(part)) => part?,
                Ok(None) => return Err(QueryError::Unavailable(format!("node {} broke off", self.id))),
                Err(_) if health.answers(self.id).await => continue,
                Err(_) => return Err(self.silent()),
            };
            match part {
                NodePart::Part(answer) => held.add(answer).await?,
                // Of a node in this process: connections decode.
                NodePart::Encoded(part) => held.add(decoded(&part)?).await?,
                NodePart::End { in_sync } => return Ok(in_sync),
            }
        }
    }

    fn silent(&self) -> QueryError {
        QueryError::Unavailable(format!("node {} does not answer", self.id))
    }
}

fn decoded(part: &[u8]) -> Result<Answer, QueryError> {
    decode_answer(part).map_err(|error| QueryError::Unavailable(format!("an answer between nodes: {error}")))
}

fn too_many_rows(id: NodeId) -> QueryError {
    QueryError::Unavailable(format!(
        "node {id} failed in the middle of an answer that is too large to begin again: ask again"
    ))
}

/// Errors of the node itself are other nodes' chance; all others would be theirs too.
fn outcome_of(error: QueryError, out: &Out) -> Outcome {
    match (out.context.check(), error) {
        (Err(ended), _) => Outcome::Failed(ended),
        // The node was told to stop, and not by this query.
        (Ok(()), QueryError::Cancelled) => Outcome::Lost(QueryError::Unavailable("a node stopped the query".into())),
        (Ok(()), error @ (QueryError::Unavailable(_) | QueryError::Storage(_))) => Outcome::Lost(error),
        (Ok(()), error @ QueryError::Overloaded(_)) => Outcome::Overloaded(error),
        (Ok(()), error) => Outcome::Failed(error),
    }
}

/// The plan, without ids that are in no slot of the scope.
fn within(plan: &Plan, scope: &Scope) -> Plan {
    let mut plan = plan.clone();
    if let Shape::TracesById(ids) = &mut plan.shape {
        let slots = scope.slot_set();
        ids.retain(|id| slots.contains(Slot::of(*id, scope.slots)));
    }
    plan
}
