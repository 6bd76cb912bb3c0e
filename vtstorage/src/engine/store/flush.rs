//! Sealed heads become blocks: encode, write the chunks, commit (headers, index, catalogue, the end of the log) in one
//! WriteBatch, then swap what queries see.

use super::catalogue::{Catalogue, CatalogueChange};
use super::failpoint::Failpoint;
use super::keys;
use super::live::SealedHead;
use super::partitions::NewBlock;
use super::rocks;
use super::shared::Shared;
use super::sync::Signal;
use super::view::Partitions;
use crate::engine::block::{EncodedBlock, encode};
use crate::engine::error::StorageError;
use rocksdb::WriteBatch;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// After a failure, and between looks at the age of the open head.
const PAUSE: Duration = Duration::from_secs(1);

/// How far flushing has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlushStatus {
    /// The last WAL sequence whose spans are in blocks
    pub(crate) flushed: u64,
    pub(crate) failures: u64,
    pub(crate) error: Option<StorageError>,
    /// There will be no more flushes
    pub(crate) ended: bool,
}

/// How others talk to the flush thread.
#[derive(Debug)]
pub(crate) struct FlushControl {
    pub(crate) signal: Signal,
    pub(crate) status: watch::Sender<FlushStatus>,
    /// Heads became smaller
    pub(crate) room: Notify,
}

impl FlushControl {
    pub(crate) fn new(flushed: u64) -> Self {
        let status = FlushStatus {
            flushed,
            ..FlushStatus::default()
        };
        Self {
            signal: Signal::default(),
            status: watch::Sender::new(status),
            room: Notify::new(),
        }
    }

    /// Tells those who wait for a flush that it failed.
    fn fail(&self, why: StorageError) {
        self.status.send_modify(|status| {
            status.failures += 1;
            status.error = Some(why);
        });
    }

    /// Tells those who wait, now and later, that there will be no flush.
    fn end(&self) {
        self.status.send_modify(|status| status.ended = true);
    }
}

impl Shared {
    /// The flush thread.
    pub(crate) fn run_flushes(&self) {
        self.flush_until_stopped();
        self.flushes.end();
    }

    fn flush_until_stopped(&self) {
        loop {
            self.live.seal_older(self.config.storage_flush_interval.as_duration());
            let outcome = match self.live.first_sealed() {
                Some(head) => self.flush_head(&head),
                None => {
                    if !self.flushes.signal.wait(PAUSE) {
                        return;
                    }
                    continue;
                }
            };
            if let Err(e) = outcome {
                let stopped = matches!(e, StorageError::Failpoint(_));
                tracing::error!(error = %e, "cannot write spans as blocks; trying again");
                self.counters.flush_failures.increment();
                self.flushes.fail(e);
                if stopped {
                    return;
                }
                self.flushes.signal.wait(PAUSE);
            }
            if self.flushes.signal.is_stopped() {
                return;
            }
        }
    }

    /// Writes a head as blocks and lets queries see these in its place.
    fn flush_head(&self, head: &SealedHead) -> Result<(), StorageError> {
        self.hit(Failpoint::FlushSealed)?;
        let blocks = self.encode_head(head)?;
        let commit = self.commit.lock();
        let mut partitions = (*self.live.partitions()).clone();
        let mut new = Vec::with_capacity(blocks.len());
        let written = self.write_chunks(&mut partitions, blocks, &mut new);
        let committed = written.and_then(|()| self.commit_flush(head, &partitions, &new));
        let changes = committed.inspect_err(|e| self.discard(&new, e))?;
        self.hit(Failpoint::FlushCommitted)?;
        for (catalogue, change) in changes {
            self.counters.refused_names.add(change.refused);
            catalogue.apply(change);
        }
        self.add_blocks(&mut partitions, &new);
        self.live.install(partitions, Some(head));
        drop(commit);
        self.counters.flushes.increment();
        self.flushes.room.notify_waiters();
        self.plan_merges(&new);
        self.flushes.status.send_modify(|status| status.flushed = head.upto);
        self.rocks.trim_wal(self.live.head_stats().wal_bytes)?;
        self.hit(Failpoint::FlushDone)
    }

    fn encode_head(&self, head: &SealedHead) -> Result<Vec<EncodedBlock>, StorageError> {
        let batches = head.list.iter().map(|b| b.batch.clone()).collect::<Vec<_>>();
        let mut blocks = encode(&batches, &self.block_options())?;
        // Spans may have grown too old on the way here, during a long stop above all.
        let first = self.retention().first_day((self.environment.now)());
        let expired = |block: &EncodedBlock| block.day < first;
        let rows = blocks
            .iter()
            .filter(|b| expired(b))
            .map(|b| u64::from(b.header.rows))
            .sum::<u64>();
        self.counters.expired_rows.add(rows);
        blocks.retain(|block| !expired(block));
        Ok(blocks)
    }

    /// Writes the chunks of blocks; so many partitions at a time that their memtables stay within bounds. The blocks
    /// are in `new` as soon as anything of them may be stored.
    fn write_chunks(
        &self,
        partitions: &mut Partitions,
        blocks: Vec<EncodedBlock>,
        new: &mut Vec<NewBlock>,
    ) -> Result<(), StorageError> {
        let mut by_day: BTreeMap<u32, Vec<EncodedBlock>> = BTreeMap::new();
        for block in blocks {
            by_day.entry(block.day).or_default().push(block);
        }
        let at_a_time = self.config.storage_max_open_partitions.max(1);
        let many = by_day.len() > at_a_time;
        let mut days = by_day.into_iter().peekable();
        while days.peek().is_some() {
            let mut families = Vec::new();
            for (day, blocks) in days.by_ref().take(at_a_time) {
                let partition = self.ensure_partition(partitions, day)?;
                for block in blocks {
                    self.write_block(block, new)?;
                    self.hit(Failpoint::FlushChunk)?;
                }
                families.push(partition);
            }
            if many {
                self.rocks
                    .flush(&families.iter().map(|p| p.chunks.as_str()).collect::<Vec<_>>())?;
            }
        }
        self.keep_chunks(new)
    }

    /// The commit: headers, index, catalogue and the end of the log at once. Gives what it adds to the catalogues.
    fn commit_flush(
        &self,
        head: &SealedHead,
        partitions: &Partitions,
        new: &[NewBlock],
    ) -> Result<Vec<(Arc<Catalogue>, CatalogueChange)>, StorageError> {
        self.hit(Failpoint::FlushChunks)?;
        let mut batch = WriteBatch::default();
        let mut changes = Vec::new();
        for block in new {
            self.put_block(&mut batch, block)?;
        }
        for (day, view) in partitions {
            let entries = new
                .iter()
                .filter(|block| block.day == *day)
                .flat_map(|block| &block.catalogue);
            let change = view.catalogue.change(entries);
            self.put_names(&mut batch, &view.partition.index, &change)?;
            changes.push((view.catalogue.clone(), change));
        }
        let flushed = self.flushes.status.borrow().flushed;
        let (meta, wal) = (self.rocks.family(rocks::META)?, self.rocks.family(rocks::WAL)?);
        batch.put_cf(&meta, keys::FLUSHED, keys::sequence(head.upto));
        batch.put_cf(
            &meta,
            keys::NEXT_BLOCK,
            keys::sequence(self.next_block.load(Ordering::Relaxed)),
        );
        batch.delete_range_cf(&wal, keys::sequence(flushed + 1), keys::sequence(head.upto + 1));
        self.rocks.write(batch)?;
        Ok(changes)
    }

    fn put_names(&self, batch: &mut WriteBatch, index: &str, change: &CatalogueChange) -> Result<(), StorageError> {
        if change.entries.is_empty() {
            return Ok(());
        }
        let index = self.rocks.family(index)?;
        for (tenant, service, name, seen) in &change.entries {
            batch.put_cf(&index, keys::name(*tenant, service, name), keys::seen(*seen));
        }
        Ok(())
    }
}

/// Waits until everything up to `upto` is in blocks, or an attempt fails.
pub(crate) async fn flushed(shared: &Arc<Shared>, upto: u64) -> Result<(), StorageError> {
    let mut status = shared.flushes.status.subscribe();
    let failures = status.borrow_and_update().failures;
    shared.flushes.signal.raise();
    let done = status
        .wait_for(|status| status.flushed >= upto || status.failures > failures || status.ended)
        .await;
    match done {
        Ok(status) if status.flushed >= upto => Ok(()),
        Ok(status) => Err(status.error.clone().unwrap_or(StorageError::Closed)),
        Err(_) => Err(StorageError::Closed),
    }
}
