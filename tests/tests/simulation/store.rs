//! The engine of a simulated node: spans and hints in memory, and a disk of which a crash takes what was not synced.

use super::clients::{self, TENANT};
use super::dice::Dice;
use async_trait::async_trait;
use common::cluster::{
    HintCount, NodeAnswers, NodeId, NodePart, Placement, ReplicaWrite, RequestPart, Scope, Slot, SlotDigest, SlotSet,
};
use common::contract::{QueryContext, QueryError, WriteError};
use common::ids::{Epoch, RequestId, SpanId, TraceId};
use common::memory;
use common::otlp::decode;
use common::query::{Plan, Shape};
use common::span::Span;
use futures::StreamExt as _;
use futures::stream;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::sleep;
use vtstorage::cluster::LocalStore;
use vtstorage::engine::error::StorageError;
use vtstorage::engine::store::Hint;
use vtstorage::hints::HintQueue;
use vtstorage::leaf::Exports;
use vtstorage::node::ReplicaStore;

/// A span and where it belongs.
#[derive(Clone)]
struct Kept {
    epoch: Epoch,
    slot: Slot,
    span: Span,
}

impl Kept {
    fn is_in(&self, scope: &Scope) -> bool {
        scope.slots_at(self.epoch).contains(self.slot)
    }
}

#[derive(Clone)]
enum Change {
    Store(RequestId, Slot, Epoch, Vec<Kept>),
    Keep(NodeId, u64, ReplicaWrite),
    Drop(NodeId, Vec<u64>),
    Discard(Scope),
}

#[derive(Clone, Default)]
struct Contents {
    spans: Vec<Kept>,
    /// What is not stored again
    seen: BTreeSet<(RequestId, Slot, Epoch)>,
    hints: BTreeMap<NodeId, BTreeMap<u64, ReplicaWrite>>,
}

impl Contents {
    /// Whether a slot of a request is here for the owners that the slot has under an epoch.
    fn has_seen(&self, request: RequestId, slot: Slot, epoch: Epoch, placement: &Placement) -> bool {
        let stored = self
            .seen
            .range((request, slot, Epoch(0))..=(request, slot, Epoch(u32::MAX)));
        let begin = placement.begin(slot, epoch);
        stored
            .into_iter()
            .any(|(.., stored)| *stored == epoch || placement.begin(slot, *stored) == begin)
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Store(request, slot, epoch, spans) => {
                if self.seen.insert((request, slot, epoch)) {
                    self.spans.extend(spans);
                }
            }
            Change::Keep(target, number, write) => {
                self.hints.entry(target).or_default().insert(number, write);
            }
            Change::Drop(target, numbers) => {
                let hints = self.hints.entry(target).or_default();
                for number in numbers {
                    hints.remove(&number);
                }
            }
            Change::Discard(scope) => self.spans.retain(|kept| !kept.is_in(&scope)),
        }
    }
}

struct Disk {
    durable: Contents,
    /// With what is not synced
    live: Contents,
    /// Not synced, in order
    journal: Vec<Change>,
    /// Changes that are durable, or were lost
    behind: usize,
    /// Hints that are being stored
    storing: BTreeMap<NodeId, u64>,
    numbers: u64,
    dice: Dice,
}

/// What outlives the crashes of a node. Clones share it.
#[derive(Clone)]
pub struct Store {
    disk: Arc<Mutex<Disk>>,
    /// Writes go one after the other, so that none is taken for stored before it is durable
    turn: Arc<tokio::sync::Mutex<()>>,
    stored: watch::Sender<u64>,
}

impl Store {
    pub fn new(dice: Dice) -> Self {
        let disk = Disk {
            durable: Contents::default(),
            live: Contents::default(),
            journal: Vec::new(),
            behind: 0,
            storing: BTreeMap::new(),
            numbers: 0,
            dice,
        };
        Self {
            disk: Arc::new(Mutex::new(disk)),
            turn: Arc::default(),
            stored: watch::Sender::new(0),
        }
    }

    /// The power goes.
    pub fn crash(&self) {
        let mut disk = self.disk.lock();
        disk.behind += disk.journal.len();
        disk.journal.clear();
        disk.storing.clear();
        disk.live = disk.durable.clone();
    }

    /// All spans of a slot under any epoch that are durable, in order.
    pub fn durable(&self, slot: Slot) -> Vec<(TraceId, SpanId)> {
        let disk = self.disk.lock();
        let of_slot = disk.durable.spans.iter().filter(|kept| kept.slot == slot);
        let mut spans: Vec<_> = of_slot.map(|kept| (kept.span.trace_id, kept.span.span_id)).collect();
        spans.sort();
        spans
    }

    fn change(&self, changes: impl IntoIterator<Item = Change>) {
        let mut disk = self.disk.lock();
        for change in changes {
            disk.live.apply(change.clone());
            disk.journal.push(change);
        }
    }

    /// Makes durable all that was changed before.
    async fn sync(&self) {
        let (upto, takes) = {
            let mut disk = self.disk.lock();
            let long = disk.dice.below(20) == 0;
            (
                disk.behind + disk.journal.len(),
                disk.dice.millis(1, if long { 300 } else { 8 }),
            )
        };
        sleep(takes).await;
        let mut disk = self.disk.lock();
        let done = upto.saturating_sub(disk.behind);
        let changes: Vec<Change> = disk.journal.drain(..done).collect();
        disk.behind += done;
        for change in changes {
            disk.durable.apply(change);
        }
    }
}

/// The parts of a message by slot.
fn parts(write: &ReplicaWrite, slots: u16) -> Result<Vec<Change>, WriteError> {
    let invalid = |why: &str| WriteError::Invalid(why.to_owned());
    let plain = match write.compressed {
        true => zstd::stream::decode_all(&write.payload[..]).map_err(|_| invalid("not zstd"))?,
        false => write.payload.to_vec(),
    };
    let (mut rest, mut changes) = (&plain[..], Vec::new());
    for part in &write.parts {
        let (bytes, behind) = rest
            .split_at_checked(part.bytes as usize)
            .ok_or_else(|| invalid("too short"))?;
        rest = behind;
        let mut by_slot: BTreeMap<Slot, Vec<Kept>> = BTreeMap::new();
        for span in decode::spans(bytes).map_err(|error| invalid(&error.to_string()))? {
            let slot = Slot::of(span.trace_id, slots);
            if !part.slots.contains(slot) {
                return Err(invalid("a span of another slot"));
            }
            let epoch = write.epoch;
            by_slot.entry(slot).or_default().push(Kept { epoch, slot, span });
        }
        changes.extend(
            by_slot
                .into_iter()
                .map(|(slot, spans)| Change::Store(part.id, slot, write.epoch, spans)),
        );
    }
    Ok(changes)
}

/// Spans of one epoch as they are given for a transfer.
fn message(epoch: Epoch, kept: &[&Kept]) -> ReplicaWrite {
    let spans: Vec<&Span> = kept.iter().map(|kept| &kept.span).collect();
    let otlp = clients::message_of(&spans);
    let slots: SlotSet = kept.iter().map(|kept| kept.slot).collect();
    let length = otlp.len() as u32;
    ReplicaWrite {
        tenant: TENANT,
        epoch,
        parts: vec![RequestPart {
            id: RequestId::default(),
            slots,
            bytes: length,
        }],
        length,
        payload: otlp,
        compressed: false,
    }
}

#[async_trait]
impl ReplicaStore for Store {
    async fn write(&self, write: ReplicaWrite, slots: u16, placement: &Placement) -> Result<(), WriteError> {
        let mut changes = parts(&write, slots)?;
        let _turn = self.turn.lock().await;
        {
            let disk = self.disk.lock();
            let is_new = |change: &Change| match change {
                Change::Store(request, slot, epoch, _) => !disk.live.has_seen(*request, *slot, *epoch, placement),
                Change::Keep(..) | Change::Drop(..) | Change::Discard(_) => true,
            };
            changes.retain(is_new);
        }
        self.change(changes);
        self.sync().await;
        Ok(())
    }

    fn query(&self, plan: Plan, scope: Scope, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        let disk = self.disk.lock();
        let in_scope = |kept: &&Kept| matches!(plan.shape, Shape::Catalogue(_)) || kept.is_in(&scope);
        let spans = disk.live.spans.iter().filter(in_scope);
        let spans: Vec<Span> = spans.map(|kept| kept.span.clone()).collect();
        let answer = memory::answer(&plan, &spans, &context)?;
        Ok(stream::iter([Ok(NodePart::Part(answer)), Ok(NodePart::End { in_sync: true })]).boxed())
    }

    /// A message for each few spans.
    fn export(&self, scope: Scope) -> Exports {
        let disk = self.disk.lock();
        let mut by_epoch: BTreeMap<Epoch, Vec<&Kept>> = BTreeMap::new();
        for kept in disk.live.spans.iter().filter(|kept| kept.is_in(&scope)) {
            by_epoch.entry(kept.epoch).or_default().push(kept);
        }
        let messages = by_epoch
            .iter()
            .flat_map(|(epoch, kept)| kept.chunks(3).map(|kept| message(*epoch, kept)));
        let messages: Vec<_> = messages.map(Ok).collect();
        stream::iter(messages).boxed()
    }

    /// Nothing is damaged in memory.
    fn export_day(&self, scope: Scope, _day: u32) -> Exports {
        self.export(scope)
    }

    async fn digest(&self, scope: Scope) -> Result<BTreeMap<Slot, SlotDigest>, StorageError> {
        let disk = self.disk.lock();
        let mut identities: BTreeMap<Slot, BTreeSet<(TraceId, SpanId)>> = BTreeMap::new();
        for kept in disk.live.spans.iter().filter(|kept| kept.is_in(&scope)) {
            let identity = (kept.span.trace_id, kept.span.span_id);
            identities.entry(kept.slot).or_default().insert(identity);
        }
        let digest = |(slot, identities): (Slot, BTreeSet<(TraceId, SpanId)>)| {
            let hash = |(trace, span): &(TraceId, SpanId)| trace.hash() ^ u64::from_be_bytes(span.0).rotate_left(17);
            let sum = identities.iter().fold(0u64, |sum, id| sum.wrapping_add(hash(id)));
            let spans = identities.len() as u64;
            (slot, SlotDigest { spans, sum })
        };
        Ok(identities.into_iter().map(digest).collect())
    }

    async fn discard(&self, scope: Scope) -> Result<u64, StorageError> {
        let _turn = self.turn.lock().await;
        let before = self.disk.lock().live.spans.len();
        self.change([Change::Discard(scope)]);
        let left = self.disk.lock().live.spans.len();
        Store::sync(self).await;
        Ok((before - left) as u64)
    }

    async fn sync(&self) -> Result<(), StorageError> {
        Store::sync(self).await;
        Ok(())
    }

    fn epochs(&self) -> BTreeSet<Epoch> {
        self.disk.lock().live.spans.iter().map(|kept| kept.epoch).collect()
    }
}

/// Counts a hint as long as it is being stored.
struct Storing<'a>(&'a Store, NodeId);

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        let mut disk = self.0.disk.lock();
        if let Some(count) = disk.storing.get_mut(&self.1) {
            *count = count.saturating_sub(1);
        }
    }
}

#[async_trait]
impl HintQueue for Store {
    async fn put(&self, target: NodeId, write: ReplicaWrite) -> Result<(), WriteError> {
        let number = {
            let mut disk = self.disk.lock();
            *disk.storing.entry(target).or_default() += 1;
            disk.numbers += 1;
            disk.numbers
        };
        let storing = Storing(self, target);
        self.change([Change::Keep(target, number, write)]);
        self.stored.send_modify(|stored| *stored += 1);
        self.sync().await;
        drop(storing);
        Ok(())
    }

    fn count(&self, target: NodeId) -> HintCount {
        let disk = self.disk.lock();
        let stored = disk.live.hints.get(&target).map_or(0, BTreeMap::len) as u64;
        let storing = disk.storing.get(&target).copied().unwrap_or(0);
        HintCount {
            hints: stored.max(storing),
            bytes: 0,
        }
    }

    fn targets(&self) -> Vec<NodeId> {
        let disk = self.disk.lock();
        let holding = disk.live.hints.iter().filter(|(_, hints)| !hints.is_empty());
        holding.map(|(target, _)| *target).collect()
    }

    fn stored(&self) -> watch::Receiver<u64> {
        self.stored.subscribe()
    }

    async fn oldest(&self, target: NodeId, after: u64, _: u64) -> Result<Vec<Hint>, StorageError> {
        let disk = self.disk.lock();
        let hints = disk.live.hints.get(&target).into_iter().flatten();
        let hints = hints.filter(|(number, _)| **number > after).take(8);
        Ok(hints
            .map(|(number, write)| Hint {
                number: *number,
                write: write.clone(),
            })
            .collect())
    }

    /// Is synced with whatever comes next.
    async fn remove(&self, target: NodeId, numbers: Vec<u64>) -> Result<(), StorageError> {
        self.change([Change::Drop(target, numbers)]);
        Ok(())
    }
}

impl LocalStore for Store {
    fn hints_for(&self, node: NodeId) -> u64 {
        self.count(node).hints
    }

    fn healthy(&self) -> bool {
        true
    }

    fn full(&self) -> bool {
        false
    }

    fn today(&self) -> u32 {
        20_000
    }

    fn last_day(&self) -> u32 {
        20_002
    }
}
