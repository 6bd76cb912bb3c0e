//! The server of a storage node in one process, called as other nodes call it.

use super::*;
use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use common::cluster::{
    ClusterId, ClusterState, ClusterView as _, HintCount, Incarnation, Member, MemberState, NodeAnswers, NodeId,
    NodePart, NodeQuery, PeerNode, Placement, Pull, Pulled, Pulls, ReplicaWrite, RequestPart, Scope, Settings, Slot,
    SlotDigest, SlotSet, StorageNode,
};
use common::contract::{QueryContext, QueryError, WriteError};
use common::http::{App, ConnectionLimits, Lifecycle, Phase, serve};
use common::ids::{Epoch, RequestId, TenantId};
use common::query::{Answer, CatalogueQuery, Plan};
use common::rpc::{Credentials, Greeting, PROTOCOL, RemoteNode, RemoteView, Secret};
use futures::stream::{self, StreamExt as _};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tonic::Code;
use tonic::service::Routes;

mod refusals;
mod views;

/// A write, and whom it is a hint for with the generation of that node's mark.
type Received = (ReplicaWrite, Option<(NodeId, u64)>);

/// A node that remembers writes and sends what it is told to.
struct Fake {
    writes: Mutex<Vec<Received>>,
    /// The answer to each query
    parts: Mutex<Vec<Result<NodePart, QueryError>>>,
    /// Queries never end, and tell when they are dropped
    endless: bool,
    dropped: Arc<Notify>,
    states: watch::Sender<Option<Arc<ClusterState>>>,
}

impl Fake {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            writes: Mutex::default(),
            parts: Mutex::new(vec![Ok(NodePart::End { in_sync: true })]),
            endless: false,
            dropped: Arc::default(),
            states: watch::Sender::new(None),
        })
    }

    fn answering(parts: Vec<Result<NodePart, QueryError>>) -> Arc<Self> {
        let fake = Self::new();
        *fake.parts.lock() = parts;
        fake
    }

    fn endless() -> Arc<Self> {
        let mut fake = Self::new();
        Arc::get_mut(&mut fake).unwrap().endless = true;
        fake
    }
}

/// Tells when it is dropped.
struct Told(Arc<Notify>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[async_trait]
impl StorageNode for Fake {
    async fn write(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        if write.epoch == Epoch(0) {
            return Err(WriteError::StaleEpoch(0));
        }
        self.writes.lock().push((write, None));
        Ok(())
    }

    async fn hint(&self, target: NodeId, generation: u64, write: ReplicaWrite) -> Result<(), WriteError> {
        self.writes.lock().push((write, Some((target, generation))));
        Ok(())
    }

    async fn mark(&self, target: NodeId) -> Result<u64, WriteError> {
        Ok(target.0 + 1)
    }

    async fn query(&self, _: NodeQuery, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        context.check()?;
        if self.endless {
            let told = Told(self.dropped.clone());
            let silent = stream::pending().inspect(move |_| {
                let _ = &told;
            });
            let first = Ok(NodePart::Part(services(1)));
            return Ok(stream::iter([first]).chain(silent).boxed());
        }
        Ok(stream::iter(self.parts.lock().clone()).boxed())
    }
}

#[async_trait]
impl PeerNode for Fake {
    async fn pull(&self, pull: Pull) -> Result<Pulls, WriteError> {
        if pull.version == 0 {
            return Err(WriteError::Unavailable("not known yet".into()));
        }
        let writes = self.writes.lock().clone().into_iter();
        let mut pulls: Vec<_> = writes.map(|(write, _)| Ok(Pulled::Write(write))).collect();
        let slots = pull.scope.slot_set();
        let digest = |slot: Slot| {
            (
                slot,
                SlotDigest {
                    spans: 1,
                    sum: u64::MAX,
                },
            )
        };
        match pull.version {
            1 => pulls.push(Ok(Pulled::End(slots.iter().map(digest).collect()))),
            _ => pulls.push(Err(WriteError::Storage("unreadable".into()))),
        }
        Ok(stream::iter(pulls).boxed())
    }

    async fn deliver(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        self.writes.lock().push((write, None));
        Ok(())
    }

    async fn hints_for(&self, target: NodeId) -> Result<HintCount, WriteError> {
        Ok(HintCount {
            hints: target.0,
            bytes: 5,
        })
    }

    async fn confirm_no_hints(&self, target: NodeId, generation: u64, version: u64) -> Result<bool, WriteError> {
        Ok((target, generation, version) == (NodeId(1), 2, 3))
    }
}

impl Host for Fake {
    fn greeting(&self) -> Greeting {
        Greeting {
            protocol: PROTOCOL,
            release: "1.2.3".to_owned(),
            node: NodeId(u64::MAX),
            zone: "z".to_owned(),
            incarnation: Incarnation(3),
            cluster: self.states.borrow().as_ref().map(|state| state.cluster),
            version: 8,
            seen: vec![NodeId(1), NodeId(u64::MAX)],
        }
    }

    fn states(&self) -> watch::Receiver<Option<Arc<ClusterState>>> {
        self.states.subscribe()
    }
}

/// A served node on a port of its own.
struct Served {
    addr: SocketAddr,
    lifecycle: Lifecycle,
    task: JoinHandle<()>,
}

impl Served {
    async fn start(fake: &Arc<Fake>, credentials: Credentials) -> Self {
        Self::start_with(fake, credentials, &ServerConfig::default()).await
    }

    async fn start_with(fake: &Arc<Fake>, credentials: Credentials, config: &ServerConfig) -> Self {
        let lifecycle = Lifecycle::new();
        let service = StorageService::new(fake.clone(), fake.clone(), lifecycle.clone(), config);
        let routes = routes(service, Routes::default(), credentials).await;
        Self::serve(routes, lifecycle).await
    }

    async fn serve(routes: Router, lifecycle: Lifecycle) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let limits = ConnectionLimits {
            idle_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(60),
            connections: 1_000,
        };
        let task = tokio::spawn(serve("test", listener, App::bare(routes), lifecycle.clone(), limits));
        Self { addr, lifecycle, task }
    }

    fn node(&self, credentials: Credentials) -> RemoteNode {
        RemoteNode::new(&self.addr.to_string(), credentials).unwrap()
    }

    /// All that is under way has ended when this returns.
    async fn drain(self) {
        self.lifecycle.enter(Phase::Draining);
        self.task.await.unwrap();
    }
}

async fn remote(fake: &Arc<Fake>) -> (Served, RemoteNode) {
    let served = Served::start(fake, Credentials::default()).await;
    let node = served.node(Credentials::default());
    (served, node)
}

fn secret(text: &str) -> Credentials {
    Credentials::new(Secret::new(text.as_bytes()))
}

fn a_write(bytes: usize) -> ReplicaWrite {
    ReplicaWrite {
        tenant: TenantId(3),
        epoch: Epoch(1),
        parts: vec![RequestPart {
            id: RequestId(9),
            slots: [Slot(5)].into_iter().collect(),
            bytes: 4,
        }],
        length: 4,
        payload: (0..bytes).map(|n| (n % 253) as u8).collect::<Vec<_>>().into(),
        compressed: false,
    }
}

fn a_query() -> NodeQuery {
    NodeQuery {
        plan: Plan::catalogue(TenantId(3), CatalogueQuery::Services),
        version: 1,
        scope: Scope::default(),
    }
}

fn services(count: u64) -> Answer {
    // Texts that do not compress to less than a frame.
    let text = |n: u64| {
        let bits = u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        format!(
            "{bits:032x}{:032x}",
            bits.rotate_left(67).wrapping_mul(0x1000_0000_01b3)
        )
    };
    Answer::Services((0..count).map(|n| text(n).into()).collect())
}

async fn collected(node: &dyn StorageNode) -> Vec<Result<NodePart, QueryError>> {
    let answers = node.query(a_query(), QueryContext::unlimited()).await.unwrap();
    answers.collect().await
}

#[tokio::test]
async fn calls_arrive_and_their_results_come_back() {
    let fake = Fake::new();
    let (_served, node) = remote(&fake).await;
    let greeting = node.hello().await.unwrap();
    assert_eq!(greeting, fake.greeting());

    node.write(a_write(10)).await.unwrap();
    node.hint(NodeId(6), 7, a_write(20)).await.unwrap();
    node.deliver(a_write(30)).await.unwrap();
    let expected = [
        (a_write(10), None),
        (a_write(20), Some((NodeId(6), 7))),
        (a_write(30), None),
    ];
    assert_eq!(*fake.writes.lock(), expected);

    let stale = ReplicaWrite {
        epoch: Epoch(0),
        ..a_write(1)
    };
    assert!(matches!(node.write(stale).await, Err(WriteError::StaleEpoch(0))));
    assert_eq!(node.mark(NodeId(41)).await.unwrap(), 42);
    let count = node.hints_for(NodeId(4)).await.unwrap();
    assert_eq!((count.hints, count.bytes), (4, 5));
    assert!(node.confirm_no_hints(NodeId(1), 2, 3).await.unwrap());
    assert!(!node.confirm_no_hints(NodeId(1), 2, 4).await.unwrap());
}

#[tokio::test]
async fn large_writes_arrive_whole() {
    let fake = Fake::new();
    let (_served, node) = remote(&fake).await;
    node.write(a_write(10 << 20)).await.unwrap();
    assert!(fake.writes.lock().as_slice() == [(a_write(10 << 20), None)]);
}

#[tokio::test]
async fn what_is_pulled_arrives_whole_with_its_end() {
    let fake = Fake::new();
    let (_served, node) = remote(&fake).await;
    let writes = [a_write(10), a_write(5 << 20), a_write(0)];
    for write in &writes {
        node.write(write.clone()).await.unwrap();
    }
    let slots: SlotSet = [Slot(3), Slot(900)].into_iter().collect();
    let pull = |version| Pull {
        scope: Scope::of(1024, slots.clone()),
        day: Some(20_000),
        version,
    };
    let pulled: Vec<_> = node.pull(pull(1)).await.unwrap().collect().await;
    let digest = SlotDigest {
        spans: 1,
        sum: u64::MAX,
    };
    let end = Pulled::End(slots.iter().map(|slot| (slot, digest)).collect());
    let expected: Vec<_> = writes.iter().cloned().map(Pulled::Write).chain([end]).collect();
    let received: Vec<_> = pulled.into_iter().map(Result::unwrap).collect();
    assert!(received == expected);

    let broken: Vec<_> = node.pull(pull(2)).await.unwrap().collect().await;
    assert!(matches!(broken.last(), Some(Err(WriteError::Storage(text))) if text == "unreadable"));
    assert!(matches!(node.pull(pull(0)).await, Err(WriteError::Unavailable(_))));
}

#[tokio::test]
async fn writes_beyond_the_room_for_them_are_back_pressure() {
    let fake = Fake::new();
    let config = ServerConfig {
        storage_max_write_bytes_in_flight: common::config::ByteSize::mib(1),
        ..ServerConfig::default()
    };
    let served = Served::start_with(&fake, Credentials::default(), &config).await;
    let node = served.node(Credentials::default());
    // More than the room is taken alone.
    node.write(a_write(3 << 20)).await.unwrap();
    let room = writes::Room::new(2 << 10);
    let _first = room.reserve(1 << 10).unwrap();
    let refused = room.reserve(0);
    assert!(matches!(refused, Err(WriteError::Overloaded { .. })), "{refused:?}");
}

#[tokio::test]
async fn large_answers_arrive_whole() {
    let large = services(340_000);
    let parts = [
        NodePart::Part(large.clone()),
        NodePart::Part(services(3)),
        NodePart::End { in_sync: false },
    ];
    let encoded = common::rpc::answer_frames::frames(parts[0].clone()).unwrap();
    assert!(encoded.iter().map(|frame| frame.data.len()).sum::<usize>() > 4 << 20);
    assert!(encoded[0].length > 20 << 20);
    let fake = Fake::answering(parts.iter().cloned().map(Ok).collect());
    let (_served, node) = remote(&fake).await;
    let received: Vec<_> = collected(&node).await.into_iter().map(Result::unwrap).collect();
    assert!(received == parts);
}

#[tokio::test]
async fn an_answer_that_fails_or_has_no_end_is_an_error() {
    let part = || Ok(NodePart::Part(services(2)));
    let failed = Fake::answering(vec![part(), Err(QueryError::Storage("a bad block".to_owned()))]);
    let (_served, node) = remote(&failed).await;
    let received = collected(&node).await;
    assert!(
        matches!(received.as_slice(), [Ok(_), Err(QueryError::Storage(text))] if text == "a bad block"),
        "{received:?}"
    );
    let short = Fake::answering(vec![part()]);
    let (_served, node) = remote(&short).await;
    let received = collected(&node).await;
    assert!(
        matches!(received.as_slice(), [Ok(_), Err(QueryError::Unavailable(_))]),
        "{received:?}"
    );
}

#[tokio::test]
async fn dropping_an_answer_stops_the_node() {
    let fake = Fake::endless();
    let (_served, node) = remote(&fake).await;
    let mut answers = node.query(a_query(), QueryContext::unlimited()).await.unwrap();
    assert!(matches!(answers.next().await, Some(Ok(NodePart::Part(_)))));
    drop(answers);
    fake.dropped.notified().await;
}

#[tokio::test]
async fn deadlines_and_cancellation_end_a_wait() {
    let fake = Fake::endless();
    let (_served, node) = remote(&fake).await;
    let limit = Duration::from_millis(300);
    let late = node
        .query(a_query(), QueryContext::new(limit, usize::MAX))
        .await
        .unwrap();
    let received: Vec<_> = late.collect().await;
    assert!(
        matches!(received.as_slice(), [Ok(_), Err(QueryError::DeadlineExceeded(told))] if *told == limit),
        "{received:?}"
    );
    let context = QueryContext::unlimited();
    let mut cancelled = node.query(a_query(), context.clone()).await.unwrap();
    assert!(matches!(cancelled.next().await, Some(Ok(_))));
    context.cancel();
    assert!(matches!(cancelled.next().await, Some(Err(QueryError::Cancelled))));
    assert!(cancelled.next().await.is_none());
}

#[tokio::test]
async fn watches_end_when_the_node_drains() {
    let fake = Fake::new();
    let (served, node) = remote(&fake).await;
    let mut frames = node.watch(0).await.unwrap();
    assert_eq!(frames.message().await.unwrap().unwrap().version, 0);
    served.lifecycle.enter(Phase::Draining);
    // The connection is kept by the stream alone: nothing else makes the server wait.
    drop(node);
    while let Ok(Some(_)) = frames.message().await {}
    drop(frames);
    served.task.await.unwrap();
}

#[tokio::test]
async fn a_payload_is_not_taken_as_more_than_it_is() {
    let fake = Fake::new();
    let (_served, node) = remote(&fake).await;
    let empty = ReplicaWrite {
        payload: Bytes::new(),
        parts: Vec::new(),
        ..a_write(0)
    };
    node.write(empty.clone()).await.unwrap();
    assert_eq!(*fake.writes.lock(), [(empty, None)]);
}
