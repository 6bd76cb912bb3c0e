//! Hints on their way between two stores.

use super::{HintDelivery, Route};
use crate::engine::store::testing::{assert_holds, message, open, spans, trace_id};
use crate::engine::store::{Engine, HintStore};
use async_trait::async_trait;
use common::cluster::{
    HintCount, NodeAnswers, NodeId, NodeQuery, PeerNode, Placement, Pull, Pulls, ReplicaWrite, RequestPart, Slot,
    StorageNode,
};
use common::contract::{QueryContext, QueryError, WriteError};
use common::ids::{Epoch, RequestId, TenantId};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

const SLOTS: u16 = 8;
const TARGET: NodeId = NodeId(7);

/// How a node answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mood {
    Well,
    Away,
    /// Stores, but the answer is lost
    Mute,
    Overloaded,
}

/// A node with a store, and the epochs and request ids of the messages that came to it.
struct Node {
    engine: Arc<Engine>,
    /// Of the next calls; after them it is well
    moods: Mutex<Vec<Mood>>,
    came: Mutex<Vec<(u32, Vec<u128>)>>,
    /// It refuses messages with this request
    hates: Option<u128>,
}

fn unused() -> WriteError {
    WriteError::Unavailable("not asked in this test".into())
}

#[async_trait]
impl StorageNode for Node {
    async fn write(&self, _: ReplicaWrite) -> Result<(), WriteError> {
        Err(unused())
    }

    async fn hint(&self, _: NodeId, _: u64, _: ReplicaWrite) -> Result<(), WriteError> {
        Err(unused())
    }

    async fn mark(&self, _: NodeId) -> Result<u64, WriteError> {
        Err(unused())
    }

    async fn query(&self, _: NodeQuery, _: QueryContext) -> Result<NodeAnswers, QueryError> {
        Err(QueryError::Unavailable("not asked in this test".into()))
    }
}

#[async_trait]
impl PeerNode for Node {
    async fn pull(&self, _: Pull) -> Result<Pulls, WriteError> {
        Err(unused())
    }

    async fn deliver(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        let ids = write.parts.iter().map(|part| part.id.0).collect::<Vec<_>>();
        let mood = self.moods.lock().pop().unwrap_or(Mood::Well);
        match mood {
            Mood::Away => return Err(WriteError::Unavailable("away".into())),
            Mood::Overloaded => {
                return Err(WriteError::Overloaded {
                    reason: "busy".into(),
                    retry_after: Duration::from_millis(1),
                });
            }
            Mood::Well | Mood::Mute => {}
        }
        if self.hates.is_some_and(|id| ids.contains(&id)) {
            return Err(WriteError::Invalid("no".into()));
        }
        self.came.lock().push((write.epoch.0, ids));
        self.engine.write_replica(write, SLOTS, &Placement::default()).await?;
        if mood == Mood::Mute {
            return Err(WriteError::Unavailable("no answer".into()));
        }
        Ok(())
    }

    async fn hints_for(&self, _: NodeId) -> Result<HintCount, WriteError> {
        Err(unused())
    }

    async fn confirm_no_hints(&self, _: NodeId, _: u64, _: u64) -> Result<bool, WriteError> {
        Err(unused())
    }
}

/// A write of ten spans.
fn write(number: u64, epoch: u32) -> ReplicaWrite {
    let all = spans(number * 10, 10, 3);
    let otlp = message("shop", all.clone());
    let part = RequestPart {
        id: RequestId(number.into()),
        slots: all.map(|span| Slot::of(trace_id(span.trace), SLOTS)).collect(),
        bytes: otlp.len() as u32,
    };
    ReplicaWrite {
        tenant: TenantId(0),
        epoch: Epoch(epoch),
        parts: vec![part],
        length: otlp.len() as u32,
        payload: zstd::bulk::compress(&otlp, -3).unwrap().into(),
        compressed: true,
    }
}

struct Pair {
    keeper: Arc<Engine>,
    hints: HintStore,
    node: Arc<Node>,
    _dirs: [tempfile::TempDir; 2],
}

fn pair(moods: &[Mood], hates: Option<u128>) -> Pair {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let moods = moods.iter().rev().copied().collect();
    let keeper = open(dirs[0].path(), &[]);
    Pair {
        hints: keeper.hints(u64::MAX),
        keeper,
        node: Arc::new(Node {
            engine: open(dirs[1].path(), &[]),
            moods: Mutex::new(moods),
            came: Mutex::default(),
            hates,
        }),
        _dirs: dirs,
    }
}

impl Pair {
    fn deliver(&self) -> HintDelivery {
        let node = self.node.clone();
        let route: Route = Arc::new(move |target| (target == TARGET).then(|| node.clone() as Arc<dyn PeerNode>));
        HintDelivery::start(self.hints.clone(), route, 0)
    }

    async fn left(&self, hints: u64) {
        while self.hints.count(TARGET).hints > hints {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_missed_reaches_it_once_and_in_few_messages() {
    let pair = pair(&[Mood::Away, Mood::Away, Mood::Mute, Mood::Overloaded], None);
    for number in 0..60 {
        pair.hints
            .put(TARGET, write(number, (number / 30) as u32))
            .await
            .unwrap();
    }
    let delivery = pair.deliver();
    pair.left(0).await;
    assert_holds(&pair.node.engine.view(), spans(0, 600, 3));
    let came = pair.node.came.lock().clone();
    assert!(came.len() <= 4, "two epochs, one of them twice: {came:?}");
    assert!(
        came.iter()
            .all(|(epoch, ids)| ids.iter().all(|id| *id as u32 / 30 == *epoch) && ids.is_sorted())
    );
    // And what comes later.
    pair.hints.put(TARGET, write(60, 2)).await.unwrap();
    pair.left(0).await;
    assert_holds(&pair.node.engine.view(), spans(0, 610, 3));
    drop(delivery);
    assert_eq!(
        pair.keeper.stats().head_rows,
        0,
        "hints are no spans of the node that keeps them"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_goes_on_where_it_was_left() {
    let pair = pair(&[Mood::Mute], None);
    for number in 0..20 {
        pair.hints.put(TARGET, write(number, 1)).await.unwrap();
    }
    let delivery = pair.deliver();
    while pair.node.came.lock().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(delivery);
    let _again = pair.deliver();
    pair.left(0).await;
    assert_holds(&pair.node.engine.view(), spans(0, 200, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_that_is_refused_stays_and_the_others_go() {
    let pair = pair(&[], Some(3));
    for number in 0..10 {
        pair.hints.put(TARGET, write(number, 1)).await.unwrap();
    }
    let _delivery = pair.deliver();
    pair.left(1).await;
    assert_holds(&pair.node.engine.view(), spans(0, 30, 3).chain(spans(40, 60, 3)));
    let left = pair.hints.oldest(TARGET, 0, 1).await.unwrap();
    assert_eq!(left[0].write, write(3, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_for_a_node_without_an_address_wait() {
    let pair = pair(&[], None);
    pair.hints.put(NodeId(1), write(0, 1)).await.unwrap();
    pair.hints.put(TARGET, write(1, 1)).await.unwrap();
    let _delivery = pair.deliver();
    pair.left(0).await;
    assert_eq!(pair.hints.count(NodeId(1)).hints, 1);
}
