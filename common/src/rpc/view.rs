//! The cluster as seen from outside of it: the newest state that any storage node tells, and connections to all.

use super::credentials::Credentials;
use super::node::RemoteNode;
use super::nodes::Nodes;
use super::proto::StateFrame;
use super::state_of_frame;
use super::status::told;
use crate::cluster::{ClusterState, ClusterView, NodeId, StorageNode};
use futures::stream::{FuturesUnordered, StreamExt as _};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::Status;

/// A watched node that sends nothing for so long is left: it sends signs of life more often.
const SILENCE: Duration = Duration::from_secs(6);
/// How often another node is asked whether it knows something newer than the watched one, which may be cut off.
const LOOK_AROUND: Duration = Duration::from_secs(2);
/// How long one node may take to say what it knows.
const PATIENCE: Duration = Duration::from_secs(1);
/// The pause after all nodes have failed, doubled each time up to the greatest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const GREATEST_PAUSE: Duration = Duration::from_secs(2);
/// Between two rounds of questions for a newer state.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

/// Watches the state of a cluster from any of its nodes, keeps the last one when all are away, and keeps one connection
/// to each member. It stops watching when it is dropped.
pub struct RemoteView {
    shared: Arc<Shared>,
    watching: AbortHandle,
}

struct Shared {
    /// `host:port` of the nodes that are asked first
    addresses: Vec<String>,
    credentials: Credentials,
    state: watch::Sender<Option<Arc<ClusterState>>>,
    nodes: Nodes,
    /// The version that somebody wants to be passed
    wanted: AtomicU64,
    wake: Notify,
}

impl RemoteView {
    /// Begins to watch, from the nodes at these addresses (`host:port`; a name may resolve to several) and then from any
    /// member. To be called within a runtime.
    pub fn start(addresses: Vec<String>, credentials: Credentials) -> Arc<Self> {
        let shared = Arc::new(Shared {
            addresses,
            nodes: Nodes::new(credentials.clone()),
            credentials,
            state: watch::Sender::new(None),
            wanted: AtomicU64::new(0),
            wake: Notify::new(),
        });
        let watching = tokio::spawn(shared.clone().watch_always()).abort_handle();
        Arc::new(Self { shared, watching })
    }

    /// Tells of each new state. It starts with the newest one.
    pub fn changes(&self) -> watch::Receiver<Option<Arc<ClusterState>>> {
        self.shared.state.subscribe()
    }

    /// Waits for a first state.
    pub async fn first(&self) -> Option<Arc<ClusterState>> {
        let mut changes = self.changes();
        let first = changes.wait_for(Option::is_some).await.ok()?;
        first.clone()
    }
}

impl Drop for RemoteView {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl ClusterView for RemoteView {
    fn state(&self) -> Option<Arc<ClusterState>> {
        self.shared.state.borrow().clone()
    }

    fn node(&self, id: NodeId) -> Option<Arc<dyn StorageNode>> {
        let state = self.state()?;
        let node = self.shared.nodes.of(state.member(id)?)?;
        Some(node)
    }

    fn refresh(&self, version: u64) {
        self.shared
            .wanted
            .fetch_max(version.saturating_add(1), Ordering::Relaxed);
        self.shared.wake.notify_one();
    }
}

impl Shared {
    async fn watch_always(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        let mut turn = 0usize;
        let mut failed = None;
        loop {
            let candidates = self.candidates().await;
            for step in 0..candidates.len() {
                let Some(addr) = candidates.get((turn + step) % candidates.len()) else {
                    continue;
                };
                match self.follow(addr, &candidates).await {
                    Ok(()) => pause = FIRST_PAUSE,
                    Err(status) => {
                        tracing::debug!(%addr, %status, "a storage node does not tell the cluster's state");
                        failed = Some(format!("{addr}: {}", told(&status)));
                    }
                }
            }
            turn = turn.wrapping_add(1);
            if self.state.borrow().is_none() && pause == GREATEST_PAUSE {
                tracing::warn!(nodes = ?self.addresses, last = failed, "no storage node tells the cluster's state");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(GREATEST_PAUSE);
        }
    }

    /// Where the state may be had: what the given addresses resolve to, and all members.
    async fn candidates(&self) -> Vec<String> {
        let mut candidates = BTreeSet::new();
        for addr in &self.addresses {
            match timeout(PATIENCE, tokio::net::lookup_host(addr)).await {
                Ok(Ok(resolved)) => candidates.extend(resolved.map(|addr| addr.to_string())),
                Ok(Err(error)) => tracing::debug!(%addr, %error, "the address of a storage node does not resolve"),
                Err(_) => tracing::debug!(%addr, "the address of a storage node takes long to resolve"),
            }
        }
        candidates.extend(self.members());
        candidates.into_iter().collect()
    }

    /// The addresses of the members as they are known now.
    fn members(&self) -> Vec<String> {
        let state = self.state.borrow();
        let members = state.iter().flat_map(|state| state.members.values());
        members.map(|member| member.addr.clone()).collect()
    }

    /// Watches one node until it fails (an error if it never told anything) or another knows more.
    async fn follow(&self, addr: &str, candidates: &[String]) -> Result<(), Status> {
        let node = self.connect(addr)?;
        let mut frames = timeout(PATIENCE, node.watch(self.version()))
            .await
            .map_err(|_| Status::deadline_exceeded("no answer"))??;
        let mut told = false;
        let mut heard = Instant::now();
        let mut look_around = tokio::time::interval_at(Instant::now() + LOOK_AROUND, LOOK_AROUND);
        let mut turn = 0usize;
        loop {
            tokio::select! {
                frame = timeout_at(heard + SILENCE, frames.message()) => match frame {
                    Ok(Ok(Some(frame))) => {
                        self.adopt_frame(frame)?;
                        (told, heard) = (true, Instant::now());
                    }
                    Ok(Err(status)) if !told => return Err(status),
                    Ok(Ok(None) | Err(_)) | Err(_) => return Ok(()),
                },
                _ = look_around.tick() => {
                    let others = self.others(candidates, addr);
                    turn = turn.wrapping_add(1);
                    if let Some(other) = others.get(turn % others.len().max(1)) && self.ask(other).await {
                        return Ok(());
                    }
                }
                () = self.wake.notified() => {
                    if self.ask_all(&self.others(candidates, addr)).await {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// All but one that may know the state.
    fn others(&self, candidates: &[String], but: &str) -> Vec<String> {
        let mut others = BTreeSet::from_iter(self.members());
        others.extend(candidates.iter().cloned());
        others.remove(but);
        others.into_iter().collect()
    }

    /// Asks all others for what is newer than the wanted version; whether any had something.
    async fn ask_all(&self, others: &[String]) -> bool {
        if self.version() >= self.wanted.load(Ordering::Relaxed) {
            return false;
        }
        let mut answers: FuturesUnordered<_> = others.iter().map(|other| self.ask(other)).collect();
        while let Some(newer) = answers.next().await {
            if newer {
                return true;
            }
        }
        tokio::time::sleep(REFRESH_PAUSE).await;
        false
    }

    /// Asks a node once; whether it knew something newer.
    async fn ask(&self, addr: &str) -> bool {
        let Ok(node) = self.connect(addr) else { return false };
        match timeout(PATIENCE, node.snapshot(self.version())).await {
            Ok(Ok(Some(state))) => self.adopt(state).unwrap_or(false),
            _ => false,
        }
    }

    /// A member's connection is shared with those who call it.
    fn connect(&self, addr: &str) -> Result<Arc<RemoteNode>, Status> {
        let member = {
            let state = self.state.borrow();
            let members = state.iter().flat_map(|state| state.members.values());
            members.into_iter().find(|member| member.addr == addr).cloned()
        };
        if let Some(node) = member.and_then(|member| self.nodes.of(&member)) {
            return Ok(node);
        }
        let node = RemoteNode::new(addr, self.credentials.clone());
        node.map(Arc::new)
            .map_err(|error| Status::invalid_argument(error.to_string()))
    }

    fn version(&self) -> u64 {
        self.state.borrow().as_ref().map_or(0, |state| state.version)
    }

    fn adopt_frame(&self, frame: StateFrame) -> Result<(), Status> {
        if let Some(state) = state_of_frame(frame).map_err(Status::data_loss)? {
            self.adopt(state)?;
        }
        Ok(())
    }

    /// Takes a state if it is newer; whether it was. A state of another cluster is refused.
    fn adopt(&self, state: ClusterState) -> Result<bool, Status> {
        if !self.credentials.bind(state.cluster) {
            tracing::warn!(cluster = %state.cluster, "a storage node belongs to another cluster");
            return Err(Status::failed_precondition("another cluster"));
        }
        let state = Arc::new(state);
        let adopted = self.state.send_if_modified(|known| {
            let newer = known.as_ref().is_none_or(|known| known.version < state.version);
            if newer {
                *known = Some(state.clone());
            }
            newer
        });
        if adopted {
            self.nodes.keep_members(&state);
        }
        Ok(adopted)
    }
}
