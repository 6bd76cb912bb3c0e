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
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
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
        let permit = self.admit().await?;
        let shared = self.clone();
        // Goes on when the client goes away: a stored batch must not be left behind whose id is not known.
        let logged = tokio::task::spawn_blocking(move || {
            let logged = shared.log(&batch, &ticket);
            drop(permit);
            logged.map(|logged| shared.accept(logged, ticket))
        });
        match logged.await.map_err(|e| WriteError::Storage(e.to_string()))?? {
            None => Ok(()),
            Some(synced) => synced.await.map_err(|e| WriteError::Storage(e.to_string()))?,
        }
    }

    /// Makes a logged request known; where it has to be synced first, in a task of its own.
    fn accept(self: &Arc<Self>, logged: Option<Logged>, ticket: Ticket) -> Option<JoinHandle<Result<(), WriteError>>> {
        let logged = logged?;
        if self.config.storage_wal_sync == WalSync::Always {
            return Some(tokio::spawn(self.clone().sync(logged, ticket)));
        }
        ticket.accept(logged.bucket);
        None
    }

    /// Syncs a logged request and makes it known then.
    async fn sync(self: Arc<Self>, logged: Logged, ticket: Ticket) -> Result<(), WriteError> {
        self.syncer.synced(logged.ticket).await?;
        ticket.accept(logged.bucket);
        Ok(())
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

    /// Waits for room in memory.
    pub(super) async fn wait_for_room(&self) -> Result<(), WriteError> {
        let budget = self.config.storage_max_head_bytes.as_usize();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let freed = self.flushes.room.notified();
            if self.live.held_bytes() < budget {
                return Ok(());
            }
            let freed = tokio::time::timeout_at(deadline, freed);
            freed.await.map_err(|_| self.overloaded())?;
        }
    }

    /// Waits for a CPU and for room in memory.
    async fn admit(&self) -> Result<OwnedSemaphorePermit, WriteError> {
        let permit = tokio::time::timeout(PATIENCE, self.ingest.clone().acquire_owned());
        let permit = permit.await.map_err(|_| self.overloaded())?;
        self.wait_for_room().await?;
        Ok(permit.map_err(|_| StorageError::Closed)?)
    }

    fn overloaded(&self) -> WriteError {
        self.counters.overloaded_writes.increment();
        let reason = "spans come faster than they are written as blocks".into();
        WriteError::Overloaded {
            reason,
            retry_after: RETRY_AFTER,
        }
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
            batch.put_cf(
                &seen,
                keys::request(bucket, *id, ticket.epoch(), slots.first()),
                slots.to_bytes(),
            );
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
