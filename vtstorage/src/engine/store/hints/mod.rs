//! Hints: writes that other nodes missed, kept until these take them. They are as durable as the log and have column
//! families of their own: `hints` for the writes, `hint_index` for what must be known of each at the start. Who may leave
//! a hint and where hints go is decided elsewhere.

mod ledger;
mod record;
#[cfg(test)]
mod tests;

use super::config::WalSync;
use super::keys;
use super::recovery::scan;
use super::rocks::{self, Rocks};
use super::shared::Shared;
use crate::engine::error::StorageError;
use common::cluster::{HintCount, NodeId, ReplicaWrite};
use common::contract::WriteError;
use common::time::UnixNanos;
use ledger::Entry;
pub(crate) use ledger::Ledger;
use parking_lot::Mutex;
use rocksdb::WriteBatch;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// When a refused writer may try again: hints go as soon as their nodes are back.
const RETRY_FULL: Duration = Duration::from_secs(5);

/// Space is worth reclaiming from so many bytes on, where more is deleted than is left.
const RECLAIM: u64 = 64 << 20;

/// The state of the hints of a store.
#[derive(Debug)]
pub(crate) struct Hints {
    ledger: Mutex<Ledger>,
    /// Counts the hints that came
    stored: watch::Sender<u64>,
    /// Bytes of deleted hints that may still take space
    dead: AtomicU64,
    /// The numbers of hints that could not be read
    unreadable: Mutex<BTreeSet<u64>>,
}

impl Hints {
    /// Finds the hints that a store has.
    pub(crate) fn load(rocks: &Rocks) -> Result<Self, StorageError> {
        let mut ledger = Ledger::default();
        scan(rocks, rocks::HINT_INDEX, &[], |key, value| {
            let found = keys::hint_of(key).zip(keys::hint_entry_of(value));
            let ((target, number), (bytes, received)) =
                found.ok_or_else(|| StorageError::corrupt("hint", "index entry"))?;
            ledger.restore(target, number, Entry { bytes, received });
            Ok(())
        })?;
        Ok(Self {
            ledger: Mutex::new(ledger),
            stored: watch::Sender::new(0),
            dead: AtomicU64::default(),
            unreadable: Mutex::default(),
        })
    }

    /// For each node that there are hints for: how many, and when the oldest came.
    pub(crate) fn targets(&self) -> Vec<(NodeId, HintCount, UnixNanos)> {
        self.ledger.lock().targets().collect()
    }
}

/// A stored hint.
#[derive(Clone, PartialEq, Debug)]
pub struct Hint {
    /// Names it among those for its target; ascending in the order in which they came
    pub number: u64,
    pub write: ReplicaWrite,
}

/// The hints of an engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HintStore {
    shared: Arc<Shared>,
    max_bytes: u64,
}

impl HintStore {
    pub(super) fn new(shared: Arc<Shared>, max_bytes: u64) -> Self {
        Self { shared, max_bytes }
    }

    /// Keeps a write for `target`. After `Ok` it survives like a write that is acknowledged. Goes on when the caller goes
    /// away.
    ///
    /// # Errors
    /// [`WriteError::ReadOnly`] while the disk is nearly full, or the payloads of all hints take more than they may.
    pub async fn put(&self, target: NodeId, write: ReplicaWrite) -> Result<(), WriteError> {
        self.shared.accepting()?;
        let bytes = u32::try_from(write.payload.len()).unwrap_or(u32::MAX);
        let reserved = self.shared.hints.ledger.lock().reserve(target, bytes, self.max_bytes);
        let Some(number) = reserved else {
            self.shared.counters.refused_hints.increment();
            return Err(WriteError::ReadOnly {
                reason: "hints for nodes that are away take more than --cluster.maxHintBytes".into(),
                retry_after: RETRY_FULL,
            });
        };
        // A task of its own: a caller that goes away must not leave room behind that is taken for nothing.
        let stored = tokio::spawn(self.clone().store(target, number, bytes, write));
        stored.await.map_err(|e| WriteError::Storage(e.to_string()))?
    }

    async fn store(self, target: NodeId, number: u64, bytes: u32, write: ReplicaWrite) -> Result<(), WriteError> {
        let received = (self.shared.environment.now)();
        let entry = Entry { bytes, received };
        let shared = self.shared.clone();
        let written = super::engine::blocking(move || shared.put_hint(target, number, entry, &write)).await;
        let ticket = match written {
            Ok(ticket) => ticket,
            Err(e) => {
                self.shared.hints.ledger.lock().release(target, bytes);
                return Err(e.into());
            }
        };
        // From here on it may be there after a stop, so that it counts even if the sync fails.
        self.shared.hints.ledger.lock().add(target, number, entry);
        self.shared.counters.stored_hints.increment();
        self.shared.hints.stored.send_modify(|stored| *stored += 1);
        if self.shared.config.storage_wal_sync == WalSync::Always {
            self.shared.syncer.synced(ticket).await?;
        }
        Ok(())
    }

    /// How much is kept for a node; what is being stored counts from when [`Self::put`] was called.
    pub fn count(&self, target: NodeId) -> HintCount {
        self.shared.hints.ledger.lock().count(target)
    }

    /// The nodes that there are hints for.
    pub fn targets(&self) -> Vec<NodeId> {
        let targets = self.shared.hints.targets();
        targets.into_iter().map(|(node, _, _)| node).collect()
    }

    /// Changes when a hint was stored.
    pub fn stored(&self) -> watch::Receiver<u64> {
        self.shared.hints.stored.subscribe()
    }

    /// The oldest hints for a node after the one with a number (0: all), with payloads of up to `max_bytes`, but at least
    /// one. What cannot be read is left out and stays: nobody may believe that the node has it.
    pub async fn oldest(&self, target: NodeId, after: u64, max_bytes: u64) -> Result<Vec<Hint>, StorageError> {
        let shared = self.shared.clone();
        super::engine::blocking(move || shared.read_hints(target, after, max_bytes)).await
    }

    /// Deletes hints that their target has.
    pub async fn remove(&self, target: NodeId, numbers: Vec<u64>) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        super::engine::blocking(move || shared.delete_hints(target, &numbers)).await
    }
}

impl Shared {
    /// Gives a ticket to wait for the sync.
    fn put_hint(&self, target: NodeId, number: u64, entry: Entry, write: &ReplicaWrite) -> Result<u64, StorageError> {
        self.open()?;
        let (key, record) = (keys::hint(target, number), record::to_bytes(write)?);
        let mut batch = WriteBatch::with_capacity_bytes(record.len() + 128);
        batch.put_cf(&self.rocks.family(rocks::HINTS)?, key, record);
        let index = keys::hint_entry(entry.bytes, entry.received);
        batch.put_cf(&self.rocks.family(rocks::HINT_INDEX)?, key, index);
        self.rocks.write(batch)?;
        Ok(self.syncer.written())
    }

    fn read_hints(&self, target: NodeId, after: u64, max_bytes: u64) -> Result<Vec<Hint>, StorageError> {
        let mut after = after;
        loop {
            let numbers = self.hints.ledger.lock().oldest(target, after, max_bytes);
            let Some(last) = numbers.last() else {
                return Ok(Vec::new());
            };
            after = *last;
            let read = |number: &u64| self.read_hint(target, *number).transpose();
            let hints = numbers.iter().filter_map(read).collect::<Result<Vec<_>, _>>()?;
            if !hints.is_empty() {
                return Ok(hints);
            }
        }
    }

    fn read_hint(&self, target: NodeId, number: u64) -> Result<Option<Hint>, StorageError> {
        let hints = self.rocks.family(rocks::HINTS)?;
        let found = self.rocks.db().get_pinned_cf(&hints, keys::hint(target, number));
        let read = found.map_err(StorageError::from).and_then(|record| {
            let record = record.ok_or_else(|| StorageError::corrupt("hint", "it is gone"))?;
            record::from_bytes(&record)
        });
        match read {
            Ok(write) => Ok(Some(Hint { number, write })),
            Err(_) if !self.hints.ledger.lock().has(target, number) => Ok(None),
            Err(e) if e.is_damage() => {
                if self.hints.unreadable.lock().insert(number) {
                    self.counters.unreadable_hints.increment();
                    tracing::error!(error = %e, %target, number, "a hint cannot be read; its node stays out of sync");
                }
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn delete_hints(&self, target: NodeId, numbers: &[u64]) -> Result<(), StorageError> {
        let (hints, index) = (self.rocks.family(rocks::HINTS)?, self.rocks.family(rocks::HINT_INDEX)?);
        let mut batch = WriteBatch::default();
        for number in numbers {
            let key = keys::hint(target, *number);
            batch.delete_cf(&hints, key);
            batch.delete_cf(&index, key);
        }
        self.rocks.write(batch)?;
        self.counters.delivered_hints.add(numbers.len() as u64);
        let removed = self.hints.ledger.lock().remove(target, numbers);
        let dead = self.hints.dead.fetch_add(removed, Ordering::Relaxed) + removed;
        if dead >= RECLAIM && self.hints.ledger.lock().held() < dead {
            self.hints.dead.store(0, Ordering::Relaxed);
            self.rocks.reclaim(rocks::HINTS)?;
        }
        Ok(())
    }
}
