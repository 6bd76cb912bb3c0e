//! Taking a batch: refuse, wait for room, decode, log, make visible, acknowledge. Nothing that cannot be decoded enters
//! the log.

use super::config::WalSync;
use super::failpoint::Failpoint;
use super::keys;
use super::rocks;
use super::seen::{Claim, Ticket};
use super::shared::{EPOCH, Shared};
use super::view::HeadBatch;
use super::wal::WalHeader;
use crate::engine::batch::SpanBatch;
use crate::engine::error::StorageError;
use common::contract::{BatchWrite, WriteError};
use rocksdb::WriteBatch;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long a writer waits for room in memory.
const PATIENCE: Duration = Duration::from_secs(5);
/// When a refused writer may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A disk does not become free that fast.
const RETRY_READ_ONLY: Duration = Duration::from_secs(30);

/// A batch in the log.
pub(super) struct Logged {
    /// Where its request id is
    pub(super) bucket: u64,
    /// For the syncer
    pub(super) ticket: u64,
}

impl From<StorageError> for WriteError {
    fn from(e: StorageError) -> Self {
        match e {
            StorageError::Closed => Self::Unavailable(e.to_string()),
            e => Self::Storage(e.to_string()),
        }
    }
}

impl Shared {
    /// Stores a batch, once whatever the number of requests for it.
    pub(crate) async fn write(self: &Arc<Self>, batch: BatchWrite) -> Result<(), WriteError> {
        let ticket = loop {
            self.accepting()?;
            match self.seen.claim(batch.request_id) {
                Claim::Seen => {
                    self.counters.repeated_requests.increment();
                    return Ok(());
                }
                Claim::Busy(mut over) => drop(over.changed().await),
                Claim::Mine(ticket) => break ticket,
            }
        };
        self.wait_for_room().await?;
        // A task of its own: a client that goes away must not leave a stored batch behind whose id is not known.
        let stored = tokio::spawn(self.clone().store(batch, ticket)).await;
        stored.map_err(|e| WriteError::Storage(e.to_string()))?
    }

    /// An error once the store is shutting down.
    pub(crate) fn open(&self) -> Result<(), StorageError> {
        if self.closed.load(Ordering::Relaxed) {
            Err(StorageError::Closed)
        } else {
            Ok(())
        }
    }

    pub(super) fn accepting(&self) -> Result<(), WriteError> {
        self.open()?;
        if self.read_only.load(Ordering::Relaxed) {
            let floor = self.config.storage_min_free_disk_space_bytes;
            let reason = format!("less than {floor} are free on the disk (--storage.minFreeDiskSpaceBytes)");
            return Err(WriteError::ReadOnly {
                reason,
                retry_after: RETRY_READ_ONLY,
            });
        }
        Ok(())
    }

    pub(super) async fn wait_for_room(&self) -> Result<(), WriteError> {
        let budget = self.config.storage_max_head_bytes.as_usize();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let freed = self.flushes.room.notified();
            if self.live.held_bytes() < budget {
                return Ok(());
            }
            if tokio::time::timeout_at(deadline, freed).await.is_err() {
                self.counters.overloaded_writes.increment();
                let reason = "spans come faster than they are written as blocks".into();
                return Err(WriteError::Overloaded {
                    reason,
                    retry_after: RETRY_AFTER,
                });
            }
        }
    }

    async fn store(self: Arc<Self>, batch: BatchWrite, ticket: Ticket) -> Result<(), WriteError> {
        let permit = self
            .ingest
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| StorageError::Closed)?;
        let shared = self.clone();
        let work = tokio::task::spawn_blocking(move || {
            let logged = shared.log(&batch, &ticket);
            drop(permit);
            (logged, ticket)
        });
        let (logged, ticket) = work.await.map_err(|e| WriteError::Storage(e.to_string()))?;
        let Some(logged) = logged? else { return Ok(()) };
        if self.config.storage_wal_sync == WalSync::Always {
            self.syncer.synced(logged.ticket).await?;
        }
        ticket.accept(logged.bucket);
        Ok(())
    }

    /// Decodes and logs a batch and makes it visible. `None` for a batch without spans.
    fn log(&self, batch: &BatchWrite, ticket: &Ticket) -> Result<Option<Logged>, WriteError> {
        let decoded = SpanBatch::decode(batch.tenant, EPOCH, batch.otlp.clone(), self.decode_limits());
        let decoded = HeadBatch::new(decoded.map_err(|e| WriteError::Invalid(e.to_string()))?);
        if decoded.batch.rows.is_empty() {
            return Ok(None);
        }
        let now = (self.environment.now)();
        if !self.retention().takes(now, decoded.min_start, decoded.max_start) {
            return Err(WriteError::Invalid(
                "a span starts outside of the retention window".into(),
            ));
        }
        let header = WalHeader {
            tenant: batch.tenant,
            epoch: EPOCH,
            request: batch.request_id,
            received: now,
        };
        let record = self.packer.pack(&header, &batch.otlp)?;
        self.hit(Failpoint::BeforeWal)?;
        let bucket = ticket.bucket(now);
        let appended = self.live.append(decoded, record.len() as u64, |sequence| {
            self.put(sequence, &record, bucket, ticket)
        })?;
        if appended.sealed {
            self.flushes.signal.raise();
        }
        Ok(Some(Logged {
            bucket,
            ticket: self.syncer.written(),
        }))
    }

    /// Logs a message, and its requests as seen.
    pub(super) fn put(&self, sequence: u64, record: &[u8], bucket: u64, ticket: &Ticket) -> Result<(), StorageError> {
        let mut batch = WriteBatch::with_capacity_bytes(record.len() + 128);
        batch.put_cf(&self.rocks.family(rocks::WAL)?, keys::sequence(sequence), record);
        let seen = self.rocks.family(rocks::SEEN)?;
        for (id, slots) in ticket.grants().iter().filter(|(_, slots)| !slots.is_empty()) {
            batch.put_cf(&seen, keys::request(bucket, *id, slots.first()), slots.to_bytes());
        }
        self.rocks.write(batch)?;
        self.hit(Failpoint::AfterWal)
    }

    /// Forgets request ids that are too old or too many.
    pub(crate) fn expire_seen(&self) -> Result<(), StorageError> {
        let Some(first) = self.seen.expire((self.environment.now)()) else {
            return Ok(());
        };
        if self.first_seen_bucket.swap(first, Ordering::Relaxed) < first {
            let mut batch = WriteBatch::default();
            batch.delete_range_cf(
                &self.rocks.family(rocks::SEEN)?,
                keys::sequence(0),
                keys::sequence(first),
            );
            self.rocks.write(batch)?;
        }
        Ok(())
    }
}
