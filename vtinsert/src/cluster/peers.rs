//! The storage nodes as this process deals with them: who is up, how much is under way to each, how long one may take.

use super::coalesce::{Lane, Outcomes, Purpose};
use super::config::ReplicationConfig;
use super::health::{Advice, Health};
use super::ledger::is_back_pressure;
use super::message::Packer;
use super::metrics::{NodeMetrics, WriteMetrics};
use bytes::Bytes;
use common::cluster::{ClusterView, Member, NodeId, ReplicaWrite, RequestPart, StorageNode};
use common::contract::WriteError;
use futures::future::join_all;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// Messages larger than this are compressed on a thread that may block.
const LARGE: usize = 512 << 10;

/// What is under way is counted in these steps.
const STEP: usize = 1 << 10;

/// A broken connection is made anew within this time; then a node that failed is asked once more.
const SECOND_TRY: Duration = Duration::from_millis(100);

/// When an overloaded client shall come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Peers {
    view: Arc<dyn ClusterView>,
    packer: Arc<Packer>,
    /// Of one message to one node
    timeout: Duration,
    /// In steps, for each node
    room: u32,
    known: Mutex<HashMap<NodeId, Arc<Peer>>>,
    pub metrics: WriteMetrics,
}

struct Peer {
    health: Mutex<Health>,
    room: Arc<Semaphore>,
    metrics: NodeMetrics,
}

/// A message under way; its room is given back on drop.
struct UnderWay {
    peer: Arc<Peer>,
    permit: OwnedSemaphorePermit,
}

impl Peers {
    pub(super) fn new(view: Arc<dyn ClusterView>, config: &ReplicationConfig) -> Arc<Self> {
        let steps = config.insert_max_inflight_bytes_per_node.as_usize() / STEP;
        Arc::new(Self {
            view,
            packer: Arc::default(),
            timeout: config.write_replica_timeout.as_duration(),
            room: u32::try_from(steps.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX),
            known: Mutex::default(),
            metrics: WriteMetrics::new(),
        })
    }

    /// Whether the last that was heard of the node is good.
    pub(super) fn is_up(&self, node: NodeId) -> bool {
        self.peer(node).health.lock().is_up()
    }

    pub(super) fn marked(&self) {
        self.metrics.marks.increment(1);
    }

    /// Sends one message to all nodes of its lane and waits for each of them.
    pub(super) async fn send(self: &Arc<Self>, lane: &Lane, parts: Vec<RequestPart>, bytes: Vec<Bytes>) -> Outcomes {
        let size: usize = bytes.iter().map(Bytes::len).sum();
        let (packer, tenant, epoch) = (self.packer.clone(), lane.tenant, lane.epoch);
        let packed = if size <= LARGE {
            Ok(packer.pack(tenant, epoch, parts, &bytes))
        } else {
            tokio::task::spawn_blocking(move || packer.pack(tenant, epoch, parts, &bytes))
                .await
                .map_err(|error| WriteError::Unavailable(error.to_string()))
        };
        match packed {
            Ok(write) => {
                let to_each = lane
                    .nodes
                    .iter()
                    .map(|node| self.deliver(*node, lane.purpose, write.clone()));
                join_all(to_each).await.into()
            }
            Err(error) => lane.nodes.iter().map(|node| (*node, Err(error.clone()))).collect(),
        }
    }

    async fn deliver(
        self: &Arc<Self>,
        node: NodeId,
        purpose: Purpose,
        write: ReplicaWrite,
    ) -> (NodeId, Result<(), WriteError>) {
        let outcome = match purpose {
            Purpose::Replica => self.replica(node, write).await,
            Purpose::Hint { target, generation } => self.hint(node, target, generation, write).await,
        };
        (node, outcome)
    }

    async fn replica(self: &Arc<Self>, id: NodeId, write: ReplicaWrite) -> Result<(), WriteError> {
        let peer = self.peer(id);
        let unmarked = self.member(id, |member| member.in_sync().then_some(member.generation));
        let advice = peer.health.lock().advice(Instant::now(), unmarked);
        match advice {
            // What has failed before is no reason to mark a node that bears none now.
            Advice::Probe if unmarked.is_some() => self.write(id, peer, write, true).await,
            Advice::Send => self.write(id, peer, write, false).await,
            Advice::Bypass => Err(bypassed(id)),
            Advice::Probe => {
                let peers = self.clone();
                tokio::spawn(async move { peers.write(id, peer, write, true).await });
                Err(bypassed(id))
            }
        }
    }

    async fn write(&self, id: NodeId, peer: Arc<Peer>, write: ReplicaWrite, probe: bool) -> Result<(), WriteError> {
        let size = write.payload.len();
        let under_way = self.room(id, &peer, size).await?;
        // Others may have found it dead while this one waited.
        if !probe && !peer.health.lock().is_up() {
            return Err(bypassed(id));
        }
        let node = self.node(id)?;
        let outcome = timeout(self.timeout, twice(&*node, write)).await;
        drop(under_way);
        let outcome = outcome.unwrap_or_else(|_| Err(too_slow(id, self.timeout)));
        match &outcome {
            Ok(()) => peer.stored(size),
            Err(error) => peer.refused(id, error, self.lifted(id)),
        }
        outcome
    }

    async fn hint(&self, id: NodeId, target: NodeId, generation: u64, write: ReplicaWrite) -> Result<(), WriteError> {
        let peer = self.peer(id);
        let size = write.payload.len();
        let under_way = self.room(id, &peer, size).await?;
        let node = self.node(id)?;
        let outcome = timeout(self.timeout, node.hint(target, generation, write)).await;
        drop(under_way);
        match &outcome {
            Ok(Ok(())) => peer.metrics.hints.increment(size as u64),
            // The mark may be the reason as well as the node.
            Ok(Err(error)) => tracing::debug!(node = %id, %target, generation, %error, "hint refused"),
            Err(_) => {
                peer.refused(id, &too_slow(id, self.timeout), self.lifted(id));
            }
        }
        outcome.unwrap_or_else(|_| Err(too_slow(id, self.timeout)))
    }

    /// Waits until the message may be sent.
    async fn room(&self, id: NodeId, peer: &Arc<Peer>, size: usize) -> Result<UnderWay, WriteError> {
        let steps = u32::try_from(size.div_ceil(STEP))
            .unwrap_or(u32::MAX)
            .clamp(1, self.room);
        let deadline = Instant::now() + self.timeout;
        match timeout_at(deadline, peer.room.clone().acquire_many_owned(steps)).await {
            Ok(Ok(permit)) => Ok(UnderWay::new(peer.clone(), permit)),
            _ if peer.health.lock().is_up() => Err(WriteError::Overloaded {
                reason: format!("too much is under way to node {id} (--insert.maxInflightBytesPerNode)"),
                retry_after: RETRY_AFTER,
            }),
            _ => Err(bypassed(id)),
        }
    }

    /// The generation of the member's last mark that is lifted, 0 for none.
    fn lifted(&self, id: NodeId) -> u64 {
        let lifted = |member: &Member| member.generation.checked_sub(u64::from(!member.in_sync()));
        self.member(id, lifted).unwrap_or(0)
    }

    fn member<T>(&self, id: NodeId, what: impl FnOnce(&Member) -> Option<T>) -> Option<T> {
        self.view.state()?.member(id).and_then(what)
    }

    fn node(&self, id: NodeId) -> Result<Arc<dyn StorageNode>, WriteError> {
        self.view
            .node(id)
            .ok_or_else(|| WriteError::Unavailable(format!("node {id} is not known")))
    }

    fn peer(&self, id: NodeId) -> Arc<Peer> {
        let make = || {
            let state = self.view.state();
            let addr = state
                .as_ref()
                .and_then(|state| state.member(id))
                .map(|member| member.addr.clone());
            Arc::new(Peer {
                health: Mutex::default(),
                room: Arc::new(Semaphore::new(usize::try_from(self.room).unwrap_or(1))),
                metrics: NodeMetrics::new(&addr.unwrap_or_else(|| id.to_string())),
            })
        };
        self.known.lock().entry(id).or_insert_with(make).clone()
    }
}

/// Writing is idempotent, so that a connection which broke just now is no reason to call the node dead.
async fn twice(node: &dyn StorageNode, write: ReplicaWrite) -> Result<(), WriteError> {
    match node.write(write.clone()).await {
        Err(WriteError::Unavailable(_)) => {
            tokio::time::sleep(SECOND_TRY).await;
            node.write(write).await
        }
        outcome => outcome,
    }
}

impl Peer {
    fn stored(&self, bytes: usize) {
        self.health.lock().answered();
        self.metrics.up.set(1.0);
        self.metrics.messages.increment(1);
        self.metrics.bytes.increment(bytes as u64);
    }

    fn refused(&self, id: NodeId, error: &WriteError, lifted: u64) {
        self.metrics.errors.increment(1);
        let answered = is_back_pressure(error) || matches!(error, WriteError::StaleEpoch(_) | WriteError::Invalid(_));
        let mut health = self.health.lock();
        if answered {
            health.answered();
            self.metrics.up.set(1.0);
        } else {
            if health.is_up() {
                tracing::warn!(node = %id, %error, "storage node does not store");
            }
            health.failed(Instant::now(), lifted);
            self.metrics.up.set(0.0);
        }
    }
}

impl UnderWay {
    fn new(peer: Arc<Peer>, permit: OwnedSemaphorePermit) -> Self {
        peer.metrics.in_flight.increment((permit.num_permits() * STEP) as f64);
        Self { peer, permit }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let bytes = self.permit.num_permits() * STEP;
        self.peer.metrics.in_flight.decrement(bytes as f64);
    }
}

fn bypassed(node: NodeId) -> WriteError {
    WriteError::Unavailable(format!("node {node} does not answer"))
}

fn too_slow(node: NodeId, limit: Duration) -> WriteError {
    WriteError::Unavailable(format!(
        "node {node} did not store within {limit:?} (--write.replicaTimeout)"
    ))
}
