//! Sees one plan through: every slot and epoch of its scope is read from one node, whatever happens to nodes in the
//! meantime, or the answer is marked as partial, or it fails.

use super::attempt::{Attempt, Outcome};
use super::delivered::Delivered;
use super::health::{Belief, Health};
use super::held::Out;
use common::cluster::{ClusterState, ClusterView, NodeId, Scope, plan_reads};
use common::contract::QueryError;
use common::query::Plan;
use metrics::counter;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long it is hoped that a node gets in sync, or that a suspected one answers: a new leader is there by then.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// The same where the alternative is not a partial answer but none.
const LAST_HOPE: Duration = Duration::from_secs(10);
/// After how long it is looked first; then ever more rarely, since a node that is asked works for nothing.
const PAUSE: Duration = Duration::from_millis(50);

/// What all readings of one query share.
#[derive(Clone)]
pub(super) struct Asker {
    pub view: Arc<dyn ClusterView>,
    pub health: Arc<Health>,
    pub out: Out,
}

/// Something that is to be read.
struct Todo {
    scope: Scope,
    /// Nodes that did not answer
    lost: BTreeSet<NodeId>,
    /// Nodes that cannot read what they hold, or are overloaded
    broken: BTreeSet<NodeId>,
    /// Nodes that could not say whether they have everything
    short: BTreeSet<NodeId>,
    delivered: Delivered,
    /// Until when it may wait for a node, and how long the next time
    patience: Option<(Instant, Duration)>,
    /// The last that went wrong
    error: Option<QueryError>,
    /// What a node said that is overloaded
    overload: Option<QueryError>,
}

impl Todo {
    fn of(scope: Scope) -> Self {
        Self {
            scope,
            lost: BTreeSet::new(),
            broken: BTreeSet::new(),
            short: BTreeSet::new(),
            delivered: Delivered::default(),
            patience: None,
            error: None,
            overload: None,
        }
    }

    fn failed_on(&self, id: NodeId) -> bool {
        [&self.lost, &self.broken, &self.short]
            .iter()
            .any(|nodes| nodes.contains(&id))
    }

    /// The same for another scope within.
    fn within(&self, scope: Scope) -> Self {
        Self {
            scope,
            lost: self.lost.clone(),
            broken: self.broken.clone(),
            short: self.short.clone(),
            delivered: self.delivered.clone(),
            patience: self.patience,
            error: self.error.clone(),
            overload: self.overload.clone(),
        }
    }
}

/// What a task of the reading comes back with.
enum Event {
    Ended(Attempt, Todo, Outcome),
    Again(Todo),
}

/// One plan under way.
pub(super) struct Reading {
    asker: Asker,
    plan: Arc<Plan>,
    tasks: JoinSet<Event>,
}

impl Reading {
    /// Reads `scope`, and hands on what counts.
    ///
    /// # Errors
    /// Those of the plan; [`QueryError::Unavailable`] where something cannot be reached and the query does not allow a
    /// partial answer.
    pub(super) async fn run(asker: Asker, plan: Arc<Plan>, scope: Scope) -> Result<(), QueryError> {
        let mut reading = Self {
            asker,
            plan,
            tasks: JoinSet::new(),
        };
        reading.start(Todo::of(scope))?;
        while let Some(event) = reading.tasks.join_next().await {
            match event {
                Ok(Event::Ended(attempt, todo, outcome)) => reading.ended(attempt, todo, outcome)?,
                Ok(Event::Again(todo)) => reading.start(todo)?,
                Err(error) => return Err(QueryError::Storage(error.to_string())),
            }
        }
        Ok(())
    }

    /// Asks nodes for it.
    fn start(&mut self, todo: Todo) -> Result<(), QueryError> {
        let state = self.asker.state()?;
        let health = self.asker.health.clone();
        let usable = |id| !todo.failed_on(id) && state.in_sync(id) && health.is_alive(id);
        let plan = plan_reads(&state, &todo.scope, usable);
        for (id, scope) in plan.nodes {
            self.ask(&state, id, todo.within(scope), false);
        }
        match plan.missing.is_empty() {
            true => Ok(()),
            false => self.missing(&state, todo.within(plan.missing)),
        }
    }

    fn ask(&mut self, state: &ClusterState, id: NodeId, todo: Todo, last_resort: bool) {
        let attempt = Attempt {
            id,
            node: self.asker.view.node(id),
            scope: todo.scope.clone(),
            version: state.version,
            last_resort,
            delivered: todo.delivered.clone(),
        };
        let (asker, plan) = (self.asker.clone(), self.plan.clone());
        self.tasks.spawn(async move {
            let outcome = attempt.run(&plan, asker.out, &asker.health).await;
            Event::Ended(attempt, todo, outcome)
        });
    }

    fn ended(&mut self, attempt: Attempt, mut todo: Todo, outcome: Outcome) -> Result<(), QueryError> {
        match outcome {
            Outcome::Complete => Ok(()),
            Outcome::Failed(error) => Err(error),
            Outcome::Lost(error) => {
                counter!("vt_select_failovers_total", "node" => attempt.id.to_string()).increment(1);
                tracing::warn!(node = %attempt.id, %error, "a storage node failed a query");
                if matches!(error, QueryError::Unavailable(_)) {
                    // What it was asked for may lie elsewhere by now.
                    self.asker.view.refresh(attempt.version);
                    self.asker.health.suspect(attempt.id);
                    todo.lost.insert(attempt.id);
                } else {
                    todo.broken.insert(attempt.id);
                }
                todo.error = Some(error);
                self.start(todo)
            }
            Outcome::Overloaded(error) => {
                todo.broken.insert(attempt.id);
                todo.overload = Some(error);
                self.start(todo)
            }
            Outcome::NotInSync => {
                self.asker.view.refresh(attempt.version);
                todo.short.insert(attempt.id);
                self.start(todo)
            }
        }
    }

    /// No node that is in sync and alive holds it: waits for one if there is hope; else takes what others have, if a
    /// partial answer is allowed.
    fn missing(&mut self, state: &ClusterState, mut todo: Todo) -> Result<(), QueryError> {
        if let Some(overload) = todo.overload {
            // It is for who asks to wait.
            return Err(overload);
        }
        let context = &self.asker.out.context;
        if self.is_hopeful(state, &todo) {
            // What is known of marks may be behind: one that was lifted just now lets another node be stopped.
            self.asker.view.refresh(state.version);
            let most = if context.is_partial_allowed() {
                PATIENCE
            } else {
                LAST_HOPE
            };
            let patience = most.min(context.remaining() / 2);
            let (until, pause) = todo.patience.unwrap_or_else(|| (Instant::now() + patience, PAUSE));
            if Instant::now() < until {
                todo.short.clear();
                todo.lost.clear();
                todo.patience = Some((until, pause * 2));
                self.tasks.spawn(async move {
                    tokio::time::sleep(pause).await;
                    Event::Again(todo)
                });
                return Ok(());
            }
        }
        if !context.is_partial_allowed() {
            return Err(refusal(&todo));
        }
        context.mark_partial();
        let health = self.asker.health.clone();
        let tried = |id| todo.lost.contains(&id) || todo.broken.contains(&id);
        let left = |id| !tried(id) && health.of(id) != Belief::Dead;
        for (id, scope) in plan_reads(state, &todo.scope, left).nodes {
            self.ask(state, id, todo.within(scope), true);
        }
        Ok(())
    }

    /// Whether a node that holds some of it may answer soon: one that is only suspected, one that has failed it and
    /// answers others again, or one that gets in sync.
    fn is_hopeful(&self, state: &ClusterState, todo: &Todo) -> bool {
        let soon = |id| self.asker.health.of(id) != Belief::Dead && !todo.broken.contains(&id);
        !plan_reads(state, &todo.scope, soon).nodes.is_empty()
    }
}

impl Asker {
    /// As [`Self::state`], but a node that has just started is given a moment to hear of the cluster.
    pub(super) async fn first_state(&self) -> Result<Arc<ClusterState>, QueryError> {
        let end = Instant::now() + self.out.context.remaining().min(PATIENCE);
        while self.view.state().is_none() && Instant::now() < end {
            self.out.context.check()?;
            tokio::time::sleep(PAUSE).await;
        }
        self.state()
    }

    /// How many nodes share the reading of everything.
    pub(super) fn readers(&self) -> Result<usize, QueryError> {
        let state = self.state()?;
        let reads = |id: &&NodeId| state.in_sync(**id) && self.health.is_alive(**id);
        Ok(state.members.keys().filter(reads).count())
    }

    pub(super) fn state(&self) -> Result<Arc<ClusterState>, QueryError> {
        let unknown = || QueryError::Unavailable("no storage node has told the state of the cluster yet".into());
        self.view.state().ok_or_else(unknown)
    }
}

fn refusal(todo: &Todo) -> QueryError {
    let slots = todo.scope.slot_set().len();
    let cause = todo
        .error
        .as_ref()
        .map_or_else(String::new, |error| format!(" ({error})"));
    QueryError::Unavailable(format!(
        "no storage node that is in sync and reachable holds {slots} of {} slots{cause}",
        todo.scope.slots
    ))
}
