//! The node as others see it: the engine, the hints that it keeps, and its place in the cluster behind one contract.

use super::epochs::{Epochs, WritePass};
use super::replicas::ReplicaStore;
use crate::cluster::{ClusterNode, LocalStore, PeerError};
use crate::engine::store::{Engine, HintStore};
use crate::hints::HintQueue;
use crate::server::Host;
use async_trait::async_trait;
use common::cluster::{
    ClusterState, HintCount, NodeAnswers, NodeId, NodePart, NodeQuery, PeerNode, Pull, Pulled, Pulls, ReplicaWrite,
    Scope, StorageNode,
};
use common::contract::{QueryContext, QueryError, WriteError};
use common::query::Shape;
use common::rpc::{Greeting, PROTOCOL};
use common::time::UnixNanos;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a write or a query waits for the state that it was made from.
const CATCH_UP: Duration = Duration::from_secs(2);
/// How long a query waits for a read lease: an election and a bit.
const LEASE_WAIT: Duration = Duration::from_secs(3);
/// How long a node that is to become a replica waits until nothing is being written here any more.
const QUIET: Duration = Duration::from_secs(5);
const NANOS_PER_DAY: u64 = 86_400_000_000_000;

/// The store, as the membership asks for it.
pub(super) struct Store {
    pub(super) engine: Arc<Engine>,
    pub(super) hints: HintStore,
    /// How far in the future the start of a span may lie
    pub(super) future: Duration,
}

/// Days since 1970-01-01, UTC, of a time from now.
fn day(ahead: Duration) -> u32 {
    let ahead = u64::try_from(ahead.as_nanos()).unwrap_or(u64::MAX);
    let day = UnixNanos::now().0.saturating_add(ahead) / NANOS_PER_DAY;
    u32::try_from(day).unwrap_or(u32::MAX)
}

impl LocalStore for Store {
    fn hints_for(&self, node: NodeId) -> u64 {
        self.hints.count(node).hints
    }

    fn healthy(&self) -> bool {
        !self.engine.is_closed()
    }

    fn full(&self) -> bool {
        self.engine.is_read_only()
    }

    fn first_day_with_room(&self) -> u32 {
        self.engine.first_day_with_room()
    }

    fn today(&self) -> u32 {
        day(Duration::ZERO)
    }

    fn last_day(&self) -> u32 {
        day(self.future)
    }
}

/// See the module.
pub struct LocalNode {
    replicas: Arc<dyn ReplicaStore>,
    hints: Box<dyn HintQueue>,
    cluster: Arc<ClusterNode>,
    epochs: Epochs,
}

impl LocalNode {
    /// Whoever makes it tells it of each state of the cluster: [`Self::applied`]. An epoch takes writes for `grace` after
    /// its successor began.
    pub fn new(
        replicas: Arc<dyn ReplicaStore>,
        hints: impl HintQueue,
        cluster: Arc<ClusterNode>,
        grace: Duration,
    ) -> Self {
        Self {
            replicas,
            hints: Box::new(hints),
            cluster,
            epochs: Epochs::new(grace),
        }
    }

    /// Another state was applied. To be called with each of them, without delay.
    pub fn applied(&self, state: &ClusterState) {
        self.epochs.applied(state);
    }

    fn state(&self) -> Result<Arc<ClusterState>, WriteError> {
        let state = self.cluster.state();
        state.ok_or_else(|| WriteError::Unavailable("the node has no cluster yet".into()))
    }

    /// The state to write by and the permission, if the epoch of the write is open. A node that is behind waits for it.
    async fn admit(&self, write: &ReplicaWrite) -> Result<(Arc<ClusterState>, WritePass), WriteError> {
        let mut state = self.state()?;
        if state.epoch < write.epoch {
            let mut states = self.cluster.states();
            let reached = states.wait_for(|state| state.as_ref().is_some_and(|state| state.epoch >= write.epoch));
            if !matches!(tokio::time::timeout(CATCH_UP, reached).await, Ok(Ok(_))) {
                return Err(WriteError::Unavailable(format!(
                    "epoch {} is not known yet",
                    write.epoch.0
                )));
            }
            state = self.state()?;
        }
        self.epochs.applied(&state);
        let pass = self.epochs.begin(write.epoch)?;
        Ok((state, pass))
    }

    /// The state that a query is answered under: its own or a later one in which the node holds the same.
    async fn come_to(&self, query: &NodeQuery) -> Result<(), QueryError> {
        let behind = |version: u64| self.cluster.state().is_none_or(|state| state.version < version);
        if behind(query.version) && !self.cluster.wait_version(query.version, CATCH_UP).await {
            let why = format!("state {} of the cluster is not known here yet", query.version);
            return Err(QueryError::Unavailable(why));
        }
        let Some(state) = self.cluster.state() else {
            return Err(QueryError::Unavailable("the node has no cluster yet".into()));
        };
        match is_cut_by_slots(query) {
            true => self.holds(&state, query.version, &query.scope),
            false => Ok(()),
        }
    }

    /// Refuses what was planned by an older state and lies elsewhere by this one.
    fn holds(&self, state: &ClusterState, version: u64, scope: &Scope) -> Result<(), QueryError> {
        match state.version <= version || state.holds(self.cluster.id(), scope) {
            true => Ok(()),
            false => Err(QueryError::Unavailable("the placement has changed".into())),
        }
    }

    /// Whether this node can give others all of a scope.
    ///
    /// # Errors
    /// Says why not.
    async fn can_give(&self, pull: &Pull) -> Result<(), WriteError> {
        let unavailable = |why: &str| Err(WriteError::Unavailable(why.to_owned()));
        if !self.cluster.wait_version(pull.version, CATCH_UP).await {
            return unavailable("the state of the transfer is not known here yet");
        }
        let state = self.state()?;
        self.epochs.applied(&state);
        if !self.cluster.unmarked() || !state.holds(self.cluster.id(), &pull.scope) {
            return unavailable("this node is out of sync, or no replica of what is asked for");
        }
        let last = pull.scope.ranges.iter().map(|range| range.epochs.1).max();
        match self.epochs.quiet(last.unwrap_or_default(), QUIET).await {
            true => Ok(()),
            false => unavailable("spans are still being written under the epochs that are asked for"),
        }
    }
}

fn is_cut_by_slots(query: &NodeQuery) -> bool {
    !matches!(query.plan.shape, Shape::Catalogue(_))
}

fn unanswered(error: PeerError) -> WriteError {
    WriteError::Unavailable(error.to_string())
}

#[async_trait]
impl StorageNode for LocalNode {
    async fn write(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        let (state, pass) = self.admit(&write).await?;
        let replicas = &self.replicas;
        let stored = replicas.write(write, state.settings.slots, &state.placement).await;
        drop(pass);
        stored
    }

    async fn hint(&self, target: NodeId, generation: u64, write: ReplicaWrite) -> Result<(), WriteError> {
        let pass = match self.cluster.admit_hint(target, generation) {
            Ok(pass) => pass,
            // The mark may be known to others only.
            Err(error) => self.catch_up(target, generation).await.ok_or(error)?,
        };
        // To be looked at when the mark is known here: see what makes a transfer whole.
        if write.epoch <= self.state()?.sealed {
            return Err(WriteError::StaleEpoch(write.epoch.0));
        }
        let kept = self.hints.put(target, write).await;
        drop(pass);
        kept
    }

    async fn mark(&self, target: NodeId) -> Result<u64, WriteError> {
        self.cluster.mark(target).await
    }

    async fn query(&self, query: NodeQuery, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        self.come_to(&query).await?;
        let cut_by_slots = is_cut_by_slots(&query);
        // Whoever asks for nothing wants to know whether this node is there.
        let wait = match query.scope.ranges.is_empty() {
            true => Duration::ZERO,
            false => LEASE_WAIT.min(context.remaining()),
        };
        let in_sync = self.cluster.wait_in_sync(wait).await;
        let answers = self.replicas.query(query.plan, query.scope.clone(), context)?;
        // What was to be seen was fixed just now: if the node has given up some of it meanwhile, it may be gone.
        if cut_by_slots && let Some(state) = self.cluster.state() {
            self.holds(&state, query.version, &query.scope)?;
        }
        Ok(answers
            .map(move |part| part.map(|part| with_sync(part, in_sync)))
            .boxed())
    }
}

/// The end says what both the store and the cluster know.
fn with_sync(part: NodePart, node_in_sync: bool) -> NodePart {
    match part {
        NodePart::End { in_sync } => NodePart::End {
            in_sync: in_sync && node_in_sync,
        },
        part => part,
    }
}

impl LocalNode {
    /// Waits until the mark of this generation is applied here.
    async fn catch_up(&self, target: NodeId, generation: u64) -> Option<crate::cluster::HintPass> {
        let mut states = self.cluster.states();
        let known = states.wait_for(|state| {
            let member = state.as_ref().and_then(|state| state.member(target));
            member.is_some_and(|member| member.generation >= generation)
        });
        tokio::time::timeout(CATCH_UP, known).await.ok()?.ok()?;
        self.cluster.admit_hint(target, generation).ok()
    }
}

#[async_trait]
impl PeerNode for LocalNode {
    async fn deliver(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        let state = self.state()?;
        let replicas = &self.replicas;
        replicas.write(write, state.settings.slots, &state.placement).await
    }

    async fn hints_for(&self, target: NodeId) -> Result<HintCount, WriteError> {
        let hints = self.cluster.hints_for(target);
        let bytes = self.hints.count(target).bytes;
        Ok(HintCount { hints, bytes })
    }

    async fn confirm_no_hints(&self, target: NodeId, generation: u64, version: u64) -> Result<bool, WriteError> {
        let confirmed = self.cluster.confirm_no_hints(target, generation, version).await;
        confirmed.map_err(unanswered)
    }

    async fn pull(&self, pull: Pull) -> Result<Pulls, WriteError> {
        self.can_give(&pull).await?;
        let replicas = self.replicas.clone();
        let exports = match pull.day {
            Some(day) => replicas.export_day(pull.scope.clone(), day),
            None => replicas.export(pull.scope.clone()),
        };
        let end = async move {
            match pull.day {
                Some(_) => Ok(BTreeMap::new()),
                None => replicas.digest(pull.scope).await,
            }
        };
        let writes = exports.map(|write| write.map(Pulled::Write).map_err(WriteError::from));
        let end = futures::stream::once(end).map(|digests| digests.map(Pulled::End).map_err(WriteError::from));
        Ok(writes.chain(end).boxed())
    }
}

impl Host for LocalNode {
    fn greeting(&self) -> Greeting {
        let introduction = self.cluster.introduction();
        Greeting {
            protocol: PROTOCOL,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            node: introduction.member.id,
            zone: introduction.member.zone,
            incarnation: introduction.member.incarnation,
            cluster: introduction.cluster,
            version: self.cluster.state().map_or(0, |state| state.version),
            seen: introduction.seen,
        }
    }

    fn states(&self) -> watch::Receiver<Option<Arc<ClusterState>>> {
        self.cluster.states()
    }
}
