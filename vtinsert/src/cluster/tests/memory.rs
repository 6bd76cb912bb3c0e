//! A cluster in memory whose nodes fail on demand, for tests of whoever writes to it.

use async_trait::async_trait;
use common::cluster::{
    ClusterId, ClusterState, ClusterView, Incarnation, Mark, Member, MemberState, NodeAnswers, NodeId, NodeQuery,
    Placement, PlacementEntry, ReplicaWrite, Settings, Slot, SlotSet, StorageNode,
};
use common::contract::{QueryContext, QueryError, WriteError};
use common::ids::{Epoch, RequestId, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use parking_lot::Mutex;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How a call goes.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    None,
    After(Duration),
    /// Never answers, and does nothing
    Silent,
    /// Never answers, though it has stored
    SilentlyStores,
    Refuses(WriteError),
    /// Stores, and then says that it did not
    StoresAndFails(WriteError),
}

/// Ids of spans.
type Spans = BTreeSet<Vec<u8>>;

pub(super) struct MemoryNode {
    id: NodeId,
    cluster: Weak<MemoryCluster>,
    /// Asked for each call
    fault: Mutex<Box<dyn FnMut(Call) -> Fault + Send>>,
    pub stored: Mutex<BTreeMap<(RequestId, Slot), (Epoch, Spans)>>,
    pub hints: Mutex<BTreeMap<(NodeId, RequestId, Slot), Spans>>,
    pub calls: Mutex<BTreeMap<Call, usize>>,
    /// Epochs up to this one are closed
    pub closed: Mutex<Epoch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Write,
    Hint,
    Mark,
}

pub(super) struct MemoryCluster {
    pub state: Mutex<ClusterState>,
    pub nodes: BTreeMap<NodeId, Arc<MemoryNode>>,
    /// A state that the view sticks to
    pub frozen: Mutex<Option<Arc<ClusterState>>>,
}

pub(super) const SLOTS: u16 = 64;

impl MemoryCluster {
    /// Nodes 1 to `nodes`; slot `s` lies on `factor` nodes that follow each other.
    pub(super) fn new(nodes: u64, factor: u8) -> Arc<Self> {
        Arc::new_cyclic(|cluster| Self {
            state: Mutex::new(state(nodes, factor)),
            nodes: (1..=nodes)
                .map(|id| (NodeId(id), Arc::new(MemoryNode::new(id, cluster.clone()))))
                .collect(),
            frozen: Mutex::default(),
        })
    }

    pub(super) fn node_of(&self, id: u64) -> &MemoryNode {
        &self.nodes[&NodeId(id)]
    }

    pub(super) fn calls(&self, call: Call) -> usize {
        self.nodes
            .values()
            .map(|node| node.calls.lock().get(&call).copied().unwrap_or(0))
            .sum()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut ClusterState)) {
        let mut state = self.state.lock();
        change(&mut state);
        state.version += 1;
    }

    /// Marks a node; keeps a mark that takes hints.
    pub(super) fn mark(&self, target: NodeId) -> u64 {
        let mut generation = 0;
        self.change(|state| {
            let member = state.members.get_mut(&target).unwrap();
            if member.mark.is_none_or(|mark| mark.closing) {
                member.generation += 1;
                member.mark = Some(Mark {
                    generation: member.generation,
                    closing: false,
                });
            }
            generation = member.generation;
        });
        generation
    }

    /// All slots go to their next node, under the next epoch.
    pub(super) fn next_epoch(&self) -> Epoch {
        let mut epoch = Epoch(0);
        self.change(|state| {
            epoch = Epoch(state.epoch.0 + 1);
            state.epoch = epoch;
            let nodes = state.members.len() as u64;
            for history in &mut state.placement.slots {
                let replicas = &history.last().unwrap().replicas;
                let replicas = replicas.iter().map(|id| NodeId(id.0 % nodes + 1)).collect();
                history.push(PlacementEntry {
                    from: epoch,
                    replicas,
                    after_day: 0,
                });
            }
        });
        epoch
    }

    /// Where the spans of an acknowledged request are. Panics unless each owner, under the one epoch of the slot, has
    /// them, or is marked and somebody keeps them for it. Returns the fewest copies of a slot.
    pub(super) fn check_acknowledged(&self, id: RequestId, otlp: &[u8]) -> usize {
        let state = self.state.lock();
        let mut fewest = usize::MAX;
        for (slot, spans) in by_slot(otlp) {
            let epochs: BTreeSet<Epoch> = self
                .nodes
                .values()
                .filter_map(|node| Some(node.stored.lock().get(&(id, slot))?.0))
                .collect();
            assert!(epochs.len() <= 1, "spans of {slot:?} under several epochs: {epochs:?}");
            let epoch = epochs.first().copied().unwrap_or(state.epoch);
            let mut copies = BTreeSet::new();
            for owner in state.placement.replicas(slot, epoch) {
                let stored = self.nodes[owner].stored.lock().get(&(id, slot)).cloned();
                if let Some((_, stored)) = stored {
                    assert_eq!(stored, spans, "{slot:?} on {owner}");
                    copies.insert(*owner);
                    continue;
                }
                let holders: Vec<NodeId> = (self.nodes.values())
                    .filter(|node| node.hints.lock().get(&(*owner, id, slot)) == Some(&spans))
                    .map(|node| node.id)
                    .collect();
                assert!(
                    !holders.is_empty(),
                    "{slot:?} is missing on {owner}, and nobody keeps a hint"
                );
                assert!(
                    state.members[owner].mark.is_some(),
                    "{owner} misses {slot:?} and is not marked"
                );
                copies.extend(holders);
            }
            fewest = fewest.min(copies.len());
        }
        fewest
    }
}

impl ClusterView for MemoryCluster {
    fn state(&self) -> Option<Arc<ClusterState>> {
        let frozen = self.frozen.lock().clone();
        Some(frozen.unwrap_or_else(|| Arc::new(self.state.lock().clone())))
    }

    fn node(&self, id: NodeId) -> Option<Arc<dyn StorageNode>> {
        self.nodes.get(&id).cloned().map(|node| node as Arc<dyn StorageNode>)
    }

    fn refresh(&self, _: u64) {
        *self.frozen.lock() = None;
    }
}

impl MemoryNode {
    fn new(id: u64, cluster: Weak<MemoryCluster>) -> Self {
        Self {
            id: NodeId(id),
            cluster,
            fault: Mutex::new(Box::new(|_| Fault::None)),
            stored: Mutex::default(),
            hints: Mutex::default(),
            calls: Mutex::default(),
            closed: Mutex::new(Epoch(0)),
        }
    }

    /// All calls go like this from now on.
    pub(super) fn fails(&self, fault: Fault) {
        self.fails_by(move |_| fault.clone());
    }

    pub(super) fn fails_by(&self, fault: impl FnMut(Call) -> Fault + Send + 'static) {
        *self.fault.lock() = Box::new(fault);
    }

    /// Does `work` as the fault for this call has it.
    async fn call<T>(&self, call: Call, work: impl FnOnce() -> Result<T, WriteError>) -> Result<T, WriteError> {
        *self.calls.lock().entry(call).or_default() += 1;
        let fault = (self.fault.lock())(call);
        match fault {
            Fault::None => work(),
            Fault::After(delay) => {
                tokio::time::sleep(delay).await;
                work()
            }
            Fault::Silent => std::future::pending().await,
            Fault::SilentlyStores => {
                work()?;
                std::future::pending().await
            }
            Fault::Refuses(error) => Err(error),
            Fault::StoresAndFails(error) => {
                work()?;
                Err(error)
            }
        }
    }

    fn store(&self, write: &ReplicaWrite) -> Result<(), WriteError> {
        if write.epoch <= *self.closed.lock() {
            return Err(WriteError::StaleEpoch(write.epoch.0));
        }
        let mut stored = self.stored.lock();
        for (id, slot, spans) in parts(write) {
            stored.entry((id, slot)).or_insert((write.epoch, spans));
        }
        Ok(())
    }

    fn keep(&self, target: NodeId, generation: u64, write: &ReplicaWrite) -> Result<(), WriteError> {
        let cluster = self.cluster.upgrade().unwrap();
        let mark = cluster.state.lock().members[&target].mark;
        if mark.is_none_or(|mark| mark.closing || mark.generation != generation) {
            return Err(WriteError::Unavailable("the mark takes no hints".into()));
        }
        let mut hints = self.hints.lock();
        for (id, slot, spans) in parts(write) {
            hints.entry((target, id, slot)).or_insert(spans);
        }
        Ok(())
    }
}

#[async_trait]
impl StorageNode for MemoryNode {
    async fn write(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        self.call(Call::Write, || self.store(&write)).await
    }

    async fn hint(&self, target: NodeId, generation: u64, write: ReplicaWrite) -> Result<(), WriteError> {
        self.call(Call::Hint, || self.keep(target, generation, &write)).await
    }

    async fn mark(&self, target: NodeId) -> Result<u64, WriteError> {
        let cluster = self.cluster.upgrade().unwrap();
        self.call(Call::Mark, || Ok(cluster.mark(target))).await
    }

    async fn query(&self, _: NodeQuery, _: QueryContext) -> Result<NodeAnswers, QueryError> {
        Err(QueryError::Unavailable("not a node for queries".into()))
    }
}

/// The spans of each part by slot; panics if a message is not what it says it is.
fn parts(write: &ReplicaWrite) -> Vec<(RequestId, Slot, Spans)> {
    assert!(write.payload.len() < 3 << 20);
    let plain = if write.compressed {
        zstd::bulk::decompress(&write.payload, write.length as usize).unwrap()
    } else {
        write.payload.to_vec()
    };
    assert_eq!(plain.len(), write.length as usize);
    let mut rest = &plain[..];
    let mut found = Vec::new();
    for part in &write.parts {
        let (bytes, behind) = rest.split_at(part.bytes as usize);
        rest = behind;
        let spans = by_slot(bytes);
        assert_eq!(spans.keys().copied().collect::<SlotSet>(), part.slots);
        found.extend(spans.into_iter().map(|(slot, spans)| (part.id, slot, spans)));
    }
    assert!(rest.is_empty());
    found
}

pub(super) fn by_slot(otlp: &[u8]) -> BTreeMap<Slot, Spans> {
    let request = ExportTraceServiceRequest::decode(otlp).unwrap();
    let mut found: BTreeMap<Slot, Spans> = BTreeMap::new();
    for span in request
        .resource_spans
        .into_iter()
        .flat_map(|r| r.scope_spans)
        .flat_map(|s| s.spans)
    {
        let slot = Slot::of(TraceId(span.trace_id.try_into().unwrap()), SLOTS);
        assert!(found.entry(slot).or_default().insert(span.span_id), "a span twice");
    }
    found
}

pub(in crate::cluster) fn state(nodes: u64, factor: u8) -> ClusterState {
    let member = |id: u64| Member {
        id: NodeId(id),
        addr: format!("node{id}:1"),
        zone: String::new(),
        incarnation: Incarnation(0),
        state: MemberState::Active,
        mark: None,
        generation: 0,
        full: false,
    };
    let owners = |slot: u64| {
        (0..u64::from(factor).min(nodes))
            .map(|copy| NodeId((slot + copy) % nodes + 1))
            .collect()
    };
    let entry = |slot: u64| {
        vec![PlacementEntry {
            from: Epoch(1),
            after_day: 0,
            replicas: owners(slot),
        }]
    };
    ClusterState {
        cluster: ClusterId(1),
        version: 1,
        epoch: Epoch(1),
        settings: Settings {
            replication_factor: factor,
            slots: SLOTS,
            retention_seconds: 7 * 86_400,
        },
        members: (1..=nodes).map(|id| (NodeId(id), member(id))).collect(),
        placement: Placement {
            slots: (0..u64::from(SLOTS)).map(entry).collect(),
        },
        oldest_day: 0,
        sealed: Default::default(),
        placed_at: 0,
        transfers: Default::default(),
    }
}
