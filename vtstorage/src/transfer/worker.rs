//! The tasks: one for each transfer to this node, for as long as the state has it, and one that drops what is left over.

use super::attempt::Failed;
use super::config::TransferConfig;
use super::garbage::is_busy;
use super::metrics::TransferMetrics;
use super::repair::Repair;
use crate::cluster::{ClusterNode, ProposeError};
use crate::engine::store::Engine;
use crate::hints::{Pace, Route};
use crate::node::ReplicaStore;
use common::cluster::{ClusterState, Placement, Refused, Transfer};
use common::ids::Epoch;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::RwLock;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

/// Between attempts; each pause is twice as long as the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Between looks at what is left over.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Blocks are rewritten when this node has no part in transfers, or at the latest after so long.
const AT_LATEST: Duration = Duration::from_secs(300);

/// Carries out what the cluster's state asks of this node, for as long as it is held.
pub struct Transfers {
    node: Arc<Node>,
    tasks: Vec<JoinHandle<()>>,
}

/// What the tasks share.
pub(super) struct Node {
    pub(super) cluster: Arc<ClusterNode>,
    pub(super) replicas: Arc<dyn ReplicaStore>,
    pub(super) route: Route,
    pub(super) pace: Pace,
    pub(super) metrics: TransferMetrics,
    /// Held shared by whoever fetches spans, and alone by whoever drops some
    pub(super) scopes: RwLock<()>,
}

impl Transfers {
    /// Begins. To be called on the async runtime.
    pub fn start(
        cluster: Arc<ClusterNode>,
        replicas: Arc<dyn ReplicaStore>,
        route: Route,
        config: &TransferConfig,
    ) -> Self {
        let node = Arc::new(Node {
            cluster,
            replicas,
            route,
            pace: Pace::new(config.cluster_transfer_bytes_per_second.bytes()),
            metrics: TransferMetrics::new(),
            scopes: RwLock::default(),
        });
        let tasks = vec![
            tokio::spawn(node.clone().fetch_always()),
            tokio::spawn(node.clone().collect_always()),
        ];
        Self { node, tasks }
    }

    /// Also fetches anew what is damaged in this node's store, from other replicas.
    pub fn repairing(mut self, engine: Arc<Engine>) -> Self {
        let repair = Repair::new(self.node.clone(), engine);
        self.tasks.push(tokio::spawn(repair.run()));
        self
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Node {
    /// A task for each transfer to this node.
    async fn fetch_always(self: Arc<Self>) {
        let mut states = self.cluster.states();
        let mut tasks = JoinSet::new();
        let mut running: BTreeMap<u64, AbortHandle> = BTreeMap::new();
        loop {
            let state = states.borrow_and_update().clone();
            let wanted: BTreeMap<u64, Transfer> = state.as_deref().map(|state| self.wanted(state)).unwrap_or_default();
            // A task ends by itself: what it is storing when its transfer is given up must not be stored later.
            running.retain(|_, task| !task.is_finished());
            for (id, transfer) in wanted {
                let node = self.clone();
                running
                    .entry(id)
                    .or_insert_with(|| tasks.spawn(node.carry_out(transfer)));
            }
            self.metrics.running.set(running.len() as f64);
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            }
        }
    }

    fn wanted(&self, state: &ClusterState) -> BTreeMap<u64, Transfer> {
        let to_this = state.transfers.to(self.cluster.id());
        to_this.map(|transfer| (transfer.id, transfer.clone())).collect()
    }

    /// Tries until the transfer is completed or given up.
    async fn carry_out(self: Arc<Self>, transfer: Transfer) {
        let mut pause = PAUSES.0;
        loop {
            match self.attempt(&transfer).await {
                Ok(()) | Err(Failed::GivenUp | Failed::Propose(ProposeError::Refused(Refused::NoTransfer(_)))) => {
                    return;
                }
                Err(_) if !self.is_running(transfer.id) => return,
                Err(why) => {
                    self.metrics.failures.increment(1);
                    tracing::info!(id = transfer.id, from = %transfer.of.from, %why, "a transfer is tried again");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Drops what is left over, whenever the placement has changed and things have become quiet.
    async fn collect_always(self: Arc<Self>) {
        let mut states = self.cluster.states();
        let mut collected: Option<(Placement, Epoch)> = None;
        let mut last = Instant::now();
        loop {
            // Whether it changes or not, it is looked at again.
            let _ = timeout(LOOK, states.changed()).await;
            let Some(state) = states.borrow_and_update().clone() else {
                continue;
            };
            let is_done = collected
                .as_ref()
                .is_some_and(|(placement, sealed)| *placement == state.placement && *sealed == state.sealed);
            let waits = is_busy(&state, self.cluster.id()) && last.elapsed() < AT_LATEST;
            if is_done || waits {
                continue;
            }
            match self.collect().await {
                Ok(()) => {
                    (collected, last) = (Some((state.placement.clone(), state.sealed)), Instant::now());
                }
                Err(why) => {
                    tracing::debug!(%why, "what others are replicas of is dropped later");
                    sleep(LOOK).await;
                }
            }
        }
    }
}
