//! Making and dropping partitions, and writing and deleting blocks in them, each so that a stop at any step leaves a
//! state that recovery recognises. Whoever calls holds the commit lock, where not said otherwise.

use super::catalogue::Catalogue;
use super::failpoint::{Failpoint, Failpoints};
use super::keys;
use super::partition::{Partition, PartitionState};
use super::rocks::{self, Rocks};
use super::shared::Shared;
use super::view::{PartitionView, Partitions};
use crate::engine::block::{BlockHeader, BlockId, CatalogueEntry, EncodedBlock, StoredBlock};
use crate::engine::error::StorageError;
use common::ids::TenantId;
use rocksdb::WriteBatch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A block whose chunks are written, before its commit.
#[derive(Debug)]
pub(crate) struct NewBlock {
    pub(crate) id: BlockId,
    pub(crate) day: u32,
    pub(crate) header: Arc<BlockHeader>,
    pub(crate) chunk_bytes: u32,
    /// Whether its chunks are in RocksDB's log: if not, they have to be in a file before the commit
    pub(crate) logged: bool,
    pub(crate) traces: Vec<(TenantId, u64)>,
    pub(crate) catalogue: Vec<CatalogueEntry>,
}

/// What no new view has, but an older one may.
#[derive(Debug, Default)]
pub(crate) struct Retired {
    /// Inputs of merges; put here before their index entries are deleted
    pub(crate) blocks: Vec<Arc<StoredBlock>>,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

pub(crate) fn put_state(rocks: &Rocks, day: u32, state: PartitionState) -> Result<(), StorageError> {
    let mut batch = WriteBatch::default();
    batch.put_cf(&rocks.family(rocks::META)?, keys::partition(day), state.to_bytes());
    rocks.write_synced(batch)
}

/// Makes the column families of a day.
pub(crate) fn create(rocks: &Rocks, failpoints: &Failpoints, day: u32) -> Result<Arc<Partition>, StorageError> {
    let partition = Partition::new(day);
    put_state(rocks, day, PartitionState::Creating)?;
    failpoints.hit(Failpoint::PartitionRecorded)?;
    rocks.create_family(&partition.chunks)?;
    failpoints.hit(Failpoint::PartitionHalfMade)?;
    rocks.create_family(&partition.index)?;
    failpoints.hit(Failpoint::PartitionMade)?;
    put_state(rocks, day, PartitionState::Live)?;
    Ok(Arc::new(partition))
}

/// Drops what there is of the column families of a day, and its record.
pub(crate) fn destroy(rocks: &Rocks, failpoints: &Failpoints, day: u32) -> Result<(), StorageError> {
    let partition = Partition::new(day);
    rocks.drop_family(&partition.chunks)?;
    failpoints.hit(Failpoint::PartitionHalfDropped)?;
    rocks.drop_family(&partition.index)?;
    let mut batch = WriteBatch::default();
    batch.delete_cf(&rocks.family(rocks::META)?, keys::partition(day));
    rocks.write_synced(batch)
}

impl Shared {
    /// The partition of a day; made if there is none.
    pub(crate) fn ensure_partition(
        &self,
        partitions: &mut Partitions,
        day: u32,
    ) -> Result<Arc<Partition>, StorageError> {
        if let Some(view) = partitions.get(&day) {
            return Ok(view.partition.clone());
        }
        let retired = self.take_retired(|partition| partition.day == day);
        if !retired.is_empty() {
            // New spans of a day being dropped: what an old query still reads of it goes first.
            destroy(&self.rocks, &self.environment.failpoints, day)?;
            self.damages.forget_files(day);
        }
        let partition = create(&self.rocks, &self.environment.failpoints, day)?;
        let catalogue = Arc::new(Catalogue::new(self.config.storage_max_names_per_service));
        let view = PartitionView {
            day,
            blocks: Vec::new(),
            chunk_bytes: BTreeMap::new(),
            catalogue,
            partition: partition.clone(),
        };
        partitions.insert(day, Arc::new(view));
        Ok(partition)
    }

    fn take_retired(&self, wanted: impl Fn(&Arc<Partition>) -> bool) -> Vec<Arc<Partition>> {
        let retired = &mut self.retired.lock().partitions;
        let (taken, kept) = std::mem::take(retired).into_iter().partition(wanted);
        *retired = kept;
        taken
    }

    /// Takes a partition out of sight; it is destroyed when no query sees it.
    pub(crate) fn retire_partition(&self, day: u32) -> Result<(), StorageError> {
        let mut partitions = (*self.live.partitions()).clone();
        let Some(view) = partitions.remove(&day) else {
            return Ok(());
        };
        put_state(&self.rocks, day, PartitionState::Dropping)?;
        self.hit(Failpoint::PartitionDropRecorded)?;
        self.retired.lock().partitions.push(view.partition.clone());
        self.live.install(partitions, None);
        Ok(())
    }

    /// Writes the chunks of a block, marked as not belonging to any header yet.
    pub(crate) fn write_block(&self, block: EncodedBlock, new: &mut Vec<NewBlock>) -> Result<(), StorageError> {
        let id = BlockId(self.next_block.fetch_add(1, Ordering::Relaxed));
        let EncodedBlock {
            day,
            header,
            chunks,
            traces,
            catalogue,
        } = block;
        let size = chunks.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let chunk_bytes = u32::try_from(size).unwrap_or(u32::MAX);
        let logged = size < self.environment.logged_block;
        new.push(NewBlock {
            id,
            day,
            header: Arc::new(header),
            chunk_bytes,
            logged,
            traces,
            catalogue,
        });
        let family = self.rocks.family(&Partition::new(day).chunks)?;
        let mut mark = WriteBatch::default();
        mark.put_cf(&self.rocks.family(rocks::META)?, keys::unowned(day, id), []);
        self.rocks.write(mark)?;
        let mut batch = WriteBatch::with_capacity_bytes(size + 32 * chunks.len() + 64);
        for (chunk, bytes) in &chunks {
            batch.put_cf(&family, keys::chunk(id, *chunk), bytes);
        }
        if logged {
            self.rocks.write(batch)
        } else {
            self.rocks.write_unlogged(batch)
        }
    }

    /// Sees to it that the chunks of blocks survive from now on: to be called before their commit.
    pub(crate) fn keep_chunks(&self, blocks: &[NewBlock]) -> Result<(), StorageError> {
        let unlogged = blocks.iter().filter(|block| !block.logged);
        let days = unlogged.map(|block| block.day).collect::<BTreeSet<_>>();
        if days.is_empty() {
            return Ok(());
        }
        let families = days
            .into_iter()
            .map(|day| Partition::new(day).chunks)
            .collect::<Vec<_>>();
        self.rocks
            .flush(&families.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Adds to a commit what makes a block of written chunks: header and index entries.
    pub(crate) fn put_block(&self, batch: &mut WriteBatch, block: &NewBlock) -> Result<(), StorageError> {
        let index = self.rocks.family(&Partition::new(block.day).index)?;
        let short = keys::short(block.id)?;
        batch.put_cf(
            &index,
            keys::header(block.id)?,
            keys::header_value(block.chunk_bytes, &block.header.to_bytes()?),
        );
        for (tenant, hash) in &block.traces {
            batch.put_cf(&index, keys::trace(*tenant, *hash, short), []);
        }
        batch.delete_cf(&self.rocks.family(rocks::META)?, keys::unowned(block.day, block.id));
        Ok(())
    }

    /// Adds committed blocks to what queries will see.
    pub(crate) fn add_blocks(&self, partitions: &mut Partitions, new: &[NewBlock]) {
        for block in new {
            if let Some(view) = partitions.get_mut(&block.day) {
                let view = Arc::make_mut(view);
                let at = view.blocks.partition_point(|known| known.id < block.id);
                let stored = StoredBlock::new(block.id, block.day, &block.header, self.chunks.clone());
                self.chunks.keep_header(block.id, block.header.clone());
                view.chunk_bytes.insert(block.id, block.chunk_bytes);
                view.blocks.insert(at, Arc::new(stored));
            }
        }
    }

    /// Deletes the chunks of blocks that were not committed, because of `why`. What fails is left to recovery.
    pub(crate) fn discard(&self, blocks: &[NewBlock], why: &StorageError) {
        if matches!(why, StorageError::Failpoint(_)) {
            return;
        }
        let blocks = blocks.iter().map(|block| (block.day, block.id)).collect::<Vec<_>>();
        if let Err(e) = delete_chunks(&self.rocks, &blocks) {
            tracing::warn!(error = %e, "chunks of an interrupted write are left until the next start");
        }
    }

    /// Deletes retired blocks and partitions that no view has any more. Takes the commit lock itself.
    pub(crate) fn purge(&self) -> Result<(), StorageError> {
        let _commit = self.commit.lock();
        let blocks = {
            let retired = &mut self.retired.lock().blocks;
            let (free, held) = std::mem::take(retired)
                .into_iter()
                .partition(|b| Arc::strong_count(b) == 1);
            *retired = held;
            let free: Vec<Arc<StoredBlock>> = free;
            free.iter().map(|block| (block.day, block.id)).collect::<Vec<_>>()
        };
        if !blocks.is_empty() {
            self.hit(Failpoint::MergeDelete)?;
            delete_chunks(&self.rocks, &blocks)?;
        }
        for partition in self.take_retired(|partition| Arc::strong_count(partition) == 1) {
            destroy(&self.rocks, &self.environment.failpoints, partition.day)?;
            self.damages.forget_files(partition.day);
            self.counters.dropped_partitions.increment();
        }
        Ok(())
    }
}

/// Deletes the chunks of blocks and the marks that say they have no header.
pub(crate) fn delete_chunks(rocks: &Rocks, blocks: &[(u32, BlockId)]) -> Result<(), StorageError> {
    let meta = rocks.family(rocks::META)?;
    let mut batch = WriteBatch::default();
    for (day, block) in blocks {
        let partition = Partition::new(*day);
        if rocks.has_family(&partition.chunks) {
            let (from, to) = keys::chunks_of(*block);
            batch.delete_range_cf(&rocks.family(&partition.chunks)?, from, to);
        }
        batch.delete_cf(&meta, keys::unowned(*day, *block));
    }
    rocks.write(batch)
}
