//! Puts parts of requests that go the same way into one message: until it is large enough, or its first part has waited
//! long enough.

use super::peers::Peers;
use super::route::Group;
use bytes::Bytes;
use common::cluster::{NodeId, RequestPart, SlotSet};
use common::contract::WriteError;
use common::ids::{Epoch, RequestId, TenantId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Parts are at most this large, unless it is all one slot, and messages at most that and what may wait: less than the
/// 3 MiB that nodes take in one piece.
pub(super) const LARGEST_PART: usize = 5 << 19;

/// What the parts of one message have in common.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Lane {
    pub nodes: Group,
    pub purpose: Purpose,
    pub tenant: TenantId,
    pub epoch: Epoch,
}

/// What the nodes shall do with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Purpose {
    /// Store it as replicas.
    Replica,
    /// Keep it for `target`, which bears a mark of this generation.
    Hint { target: NodeId, generation: u64 },
}

/// One request's share of a message.
pub(super) struct Part {
    pub id: RequestId,
    pub slots: SlotSet,
    pub bytes: Bytes,
}

/// What each node of the lane said to the message.
pub(super) type Outcomes = Arc<[(NodeId, Result<(), WriteError>)]>;

/// Parts that are sent together.
#[derive(Default)]
pub(super) struct Batch {
    pub parts: Vec<RequestPart>,
    pub bytes: Vec<Bytes>,
    size: usize,
    waiting: Vec<oneshot::Sender<Outcomes>>,
}

pub(super) struct Coalescer {
    peers: Arc<Peers>,
    delay: Duration,
    enough: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    lanes: HashMap<Lane, (u64, Batch)>,
    /// Counts batches, so that the timer of one does not end the next
    begun: u64,
}

impl Coalescer {
    /// Batches wait for `delay`, or until they have `enough` bytes.
    pub(super) fn new(peers: Arc<Peers>, delay: Duration, enough: usize) -> Arc<Self> {
        Arc::new(Self {
            peers,
            delay,
            // Together with the largest part it must stay below the largest message.
            enough: enough.clamp(1, LARGEST_PART / 5),
            open: Mutex::default(),
        })
    }

    /// Sends a part with others. The receiver gets the outcomes of its message; it may be dropped, the part is sent then
    /// all the same.
    pub(super) fn push(self: &Arc<Self>, lane: Lane, part: Part) -> oneshot::Receiver<Outcomes> {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.open.lock();
        open.begun += 1;
        let begun = open.begun;
        match open.lanes.entry(lane.clone()) {
            Entry::Occupied(mut entry) => {
                let (_, batch) = entry.get_mut();
                batch.add(part, sender);
                if batch.size >= self.enough {
                    let (_, batch) = entry.remove();
                    drop(open);
                    self.send(lane, batch);
                }
            }
            Entry::Vacant(entry) => {
                let mut batch = Batch::default();
                batch.add(part, sender);
                if batch.size >= self.enough || self.delay.is_zero() {
                    drop(open);
                    self.send(lane, batch);
                } else {
                    entry.insert((begun, batch));
                    drop(open);
                    tokio::spawn(self.clone().send_late(lane, begun));
                }
            }
        }
        receiver
    }

    /// Sends the batch that was begun with number `begun`, unless it has gone already.
    async fn send_late(self: Arc<Self>, lane: Lane, begun: u64) {
        tokio::time::sleep(self.delay).await;
        let mut open = self.open.lock();
        if open.lanes.get(&lane).is_some_and(|(number, _)| *number == begun)
            && let Some((_, batch)) = open.lanes.remove(&lane)
        {
            drop(open);
            self.send(lane, batch);
        }
    }

    fn send(&self, lane: Lane, batch: Batch) {
        let peers = self.peers.clone();
        tokio::spawn(async move {
            let Batch {
                parts, bytes, waiting, ..
            } = batch;
            let outcomes = peers.send(&lane, parts, bytes).await;
            for waiting in waiting {
                // Whoever waited may have gone.
                let _ = waiting.send(outcomes.clone());
            }
        });
    }
}

impl Batch {
    fn add(&mut self, part: Part, waiting: oneshot::Sender<Outcomes>) {
        self.size += part.bytes.len();
        self.parts.push(RequestPart {
            id: part.id,
            slots: part.slots,
            bytes: u32::try_from(part.bytes.len()).unwrap_or(u32::MAX),
        });
        self.bytes.push(part.bytes);
        self.waiting.push(waiting);
    }
}
