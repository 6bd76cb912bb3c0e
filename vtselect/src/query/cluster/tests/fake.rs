//! A cluster in memory, whose nodes fail as they are told.

use async_trait::async_trait;
use common::cluster::{
    ClusterId, ClusterState, ClusterView, Incarnation, Mark, Member, MemberState, NodeAnswers, NodeId, NodePart,
    NodeQuery, Placement, PlacementEntry, ReplicaWrite, Scope, Settings, Slot, StorageNode,
};
use common::contract::{QueryContext, QueryError, WriteError};
use common::ids::{Epoch, SpanId, TenantId, TraceId};
use common::memory;
use common::query::{Answer, RowPart, Shape};
use common::span::{Resource, Span};
use common::time::UnixNanos;
use common::value::Attribute;
use futures::stream::{self, StreamExt as _};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const SLOTS: u16 = 16;

/// What a node does instead of answering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// Its connections are refused
    Refuses,
    /// Nothing comes back
    Silent,
    /// It breaks off after so many parts
    BreaksAfter(usize),
    /// It falls silent after so many parts
    SilentAfter(usize),
    /// It has no lease
    NotInSync,
    /// Its disk fails
    Broken,
    /// It answers as many queries as it may
    Overloaded,
    /// It answers everything but questions for traces
    NoTraces,
}

pub(super) struct Node {
    id: NodeId,
    pub(super) spans: Mutex<Vec<(Epoch, Span)>>,
    pub(super) fault: Mutex<Option<Fault>>,
    /// Queries for spans that it was asked
    pub(super) asked: Mutex<usize>,
    /// Traces that it gave with their spans
    pub(super) traces: Mutex<usize>,
}

impl Node {
    fn in_scope(&self, scope: &Scope) -> Vec<Span> {
        let within = |(epoch, span): &&(Epoch, Span)| {
            let slot = Slot::of(span.trace_id, scope.slots.max(1));
            let of_range = |range: &common::cluster::ScopeRange| {
                (range.epochs.0..=range.epochs.1).contains(epoch) && range.slots.contains(slot)
            };
            scope.ranges.iter().any(of_range)
        };
        let spans = self.spans.lock();
        spans.iter().filter(within).map(|(_, span)| span.clone()).collect()
    }

    fn all(&self) -> Vec<Span> {
        self.spans.lock().iter().map(|(_, span)| span.clone()).collect()
    }

    fn answer(&self, query: &NodeQuery) -> Result<Answer, QueryError> {
        let context = QueryContext::unlimited();
        if let Shape::Catalogue(_) = query.plan.shape {
            return memory::answer(&query.plan, &self.all(), &context);
        }
        memory::answer(&query.plan, &self.in_scope(&query.scope), &context)
    }
}

/// Each row a part of its own.
fn parts(answer: Answer) -> Vec<Answer> {
    let one = |span: Span, stats| Answer::Rows {
        parts: vec![RowPart::Spans(vec![span])],
        stats,
    };
    match answer {
        Answer::Rows { parts, stats } => parts
            .into_iter()
            .flat_map(|part| match part {
                RowPart::Spans(spans) => spans.into_iter().map(|span| one(span, stats)).collect(),
                columns => vec![Answer::Rows {
                    parts: vec![columns],
                    stats,
                }],
            })
            .collect(),
        other => vec![other],
    }
}

#[async_trait]
impl StorageNode for Node {
    async fn write(&self, _: ReplicaWrite) -> Result<(), WriteError> {
        unreachable!("nobody writes here")
    }

    async fn hint(&self, _: NodeId, _: u64, _: ReplicaWrite) -> Result<(), WriteError> {
        unreachable!("nobody writes here")
    }

    async fn mark(&self, _: NodeId) -> Result<u64, WriteError> {
        unreachable!("nobody writes here")
    }

    async fn query(&self, query: NodeQuery, _: QueryContext) -> Result<NodeAnswers, QueryError> {
        *self.asked.lock() += usize::from(!query.scope.ranges.is_empty());
        let fault = *self.fault.lock();
        let unavailable = || QueryError::Unavailable(format!("node {} is down", self.id));
        match fault {
            Some(Fault::Refuses) => return Err(unavailable()),
            Some(Fault::Silent) => return futures::future::pending().await,
            Some(Fault::Broken) => return Err(QueryError::Storage("disk".into())),
            Some(Fault::Overloaded) => return Err(QueryError::Overloaded("busy".into())),
            Some(Fault::NoTraces) if matches!(query.plan.shape, Shape::TracesById(_)) => return Err(unavailable()),
            Some(Fault::SilentAfter(_)) if query.scope.ranges.is_empty() => return futures::future::pending().await,
            _ => {}
        }
        let in_sync = fault != Some(Fault::NotInSync);
        let answer = self.answer(&query)?;
        if let Answer::Traces { found, .. } = &answer {
            *self.traces.lock() += found.iter().filter(|found| !found.trace.spans.is_empty()).count();
        }
        let parts = parts(answer).into_iter().map(|part| Ok(NodePart::Part(part)));
        let whole = stream::iter(parts.chain([Ok(NodePart::End { in_sync })]));
        Ok(match fault {
            Some(Fault::BreaksAfter(count)) => whole.take(count).chain(stream::iter([Err(unavailable())])).boxed(),
            Some(Fault::SilentAfter(count)) => whole.take(count).chain(stream::pending()).boxed(),
            _ => whole.boxed(),
        })
    }
}

pub(super) struct Cluster {
    pub(super) state: Mutex<ClusterState>,
    pub(super) nodes: BTreeMap<NodeId, Arc<Node>>,
    pub(super) refreshed: Mutex<Vec<u64>>,
}

impl ClusterView for Cluster {
    fn state(&self) -> Option<Arc<ClusterState>> {
        Some(Arc::new(self.state.lock().clone()))
    }

    fn node(&self, id: NodeId) -> Option<Arc<dyn StorageNode>> {
        Some(self.nodes.get(&id)?.clone())
    }

    fn refresh(&self, version: u64) {
        self.refreshed.lock().push(version);
    }
}

impl Cluster {
    /// Nodes 1 to `nodes`; `history` gives the replicas of a slot under an epoch, from 1 to `epochs`.
    pub(super) fn new(nodes: u64, epochs: u32, history: impl Fn(u16, u32) -> Vec<u64>) -> Self {
        let member = |id| Member {
            id: NodeId(id),
            addr: format!("node-{id}"),
            zone: String::new(),
            incarnation: Incarnation(1),
            state: MemberState::Active,
            mark: None,
            generation: 0,
            full: false,
        };
        let entry = |slot, epoch| PlacementEntry {
            from: Epoch(epoch),
            replicas: history(slot, epoch).into_iter().map(NodeId).collect(),
            after_day: 0,
        };
        let slots = (0..SLOTS).map(|slot| (1..=epochs).map(|epoch| entry(slot, epoch)).collect());
        let state = ClusterState {
            cluster: ClusterId(1),
            version: 7,
            epoch: Epoch(epochs),
            settings: Settings {
                replication_factor: 2,
                slots: SLOTS,
                retention_seconds: 3600,
            },
            members: (1..=nodes).map(|id| (NodeId(id), member(id))).collect(),
            placement: Placement { slots: slots.collect() },
            oldest_day: 0,
            sealed: Default::default(),
            placed_at: 0,
            transfers: Default::default(),
        };
        let node = |id| Node {
            id: NodeId(id),
            spans: Mutex::default(),
            fault: Mutex::default(),
            asked: Mutex::default(),
            traces: Mutex::default(),
        };
        Self {
            state: Mutex::new(state),
            nodes: (1..=nodes).map(|id| (NodeId(id), Arc::new(node(id)))).collect(),
            refreshed: Mutex::default(),
        }
    }

    /// Stores a span on all its replicas that have no mark.
    pub(super) fn store(&self, epoch: u32, span: &Span) {
        let state = self.state.lock();
        let slot = Slot::of(span.trace_id, SLOTS);
        for id in state.placement.replicas(slot, Epoch(epoch)) {
            if state.in_sync(*id) {
                self.nodes[id].spans.lock().push((Epoch(epoch), span.clone()));
            }
        }
    }

    pub(super) fn mark(&self, id: u64) {
        let mark = Mark {
            generation: 1,
            closing: false,
        };
        self.state.lock().members.get_mut(&NodeId(id)).unwrap().mark = Some(mark);
    }

    pub(super) fn unmark(&self, id: u64) {
        self.state.lock().members.get_mut(&NodeId(id)).unwrap().mark = None;
    }

    pub(super) fn fail(&self, id: u64, fault: impl Into<Option<Fault>>) {
        *self.nodes[&NodeId(id)].fault.lock() = fault.into();
    }

    pub(super) fn asked(&self, id: u64) -> usize {
        *self.nodes[&NodeId(id)].asked.lock()
    }

    /// Traces that nodes gave with their spans.
    pub(super) fn traces(&self) -> usize {
        self.nodes.values().map(|node| *node.traces.lock()).sum()
    }
}

pub(super) const TENANT: TenantId = TenantId(0);

/// Span `at` of trace `trace`; both name it.
pub(super) fn span(trace: u64, at: u64) -> Span {
    let resource = Resource {
        attributes: vec![Attribute::new("service.name", format!("service-{}", trace % 5))],
        ..Resource::default()
    };
    Span {
        trace_id: TraceId((u128::from(trace) + 1).to_be_bytes()),
        span_id: SpanId((trace * 1_000 + at + 1).to_be_bytes()),
        name: format!("span {at}").into(),
        start: UnixNanos(1_000 + trace * 100 + at),
        end: UnixNanos(2_000 + trace * 100 + at),
        resource: Arc::new(resource),
        ..Span::default()
    }
}
