//! From what a stop at any moment left behind to a store in order: partitions half made or half dropped, chunks without
//! a header, a log that ends after the last flush.

use super::catalogue::Catalogue;
use super::chunks::ChunkStore;
use super::config::StorageConfig;
use super::damage::{Damaged, Damages};
use super::environment::Environment;
use super::hints::Hints;
use super::keys;
use super::partition::{Partition, PartitionState};
use super::partitions::{delete_chunks, destroy, put_state};
use super::rocks::{self, Rocks};
use super::shared::{Found, Shared};
use super::slots::Slots;
use super::view::{HeadBatch, PartitionView, Partitions};
use super::wal;
use crate::engine::batch::SpanBatch;
use crate::engine::block::{BlockHeader, BlockId, StoredBlock};
use crate::engine::error::StorageError;
use rocksdb::{Direction, IteratorMode, ReadOptions, WriteBatch};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Puts partitions and blocks in order and loads them.
pub(crate) fn load(
    rocks: &Rocks,
    chunks: &Arc<ChunkStore>,
    damages: &Damages,
    config: &StorageConfig,
    environment: &Environment,
) -> Result<Found, StorageError> {
    finish_partitions(rocks, environment)?;
    delete_unowned(rocks)?;
    let days = rocks
        .partition_families()
        .iter()
        .filter_map(|name| Partition::day_of_family(name))
        .collect::<BTreeSet<_>>();
    let mut partitions = Partitions::new();
    for day in days {
        let catalogue = Catalogue::new(config.storage_max_names_per_service);
        let view = load_partition(rocks, chunks, damages, day, catalogue)?;
        partitions.insert(day, Arc::new(view));
    }
    let mut quarantined = false;
    scan(rocks, rocks::QUARANTINE, &[], |_, _| {
        quarantined = true;
        Ok(())
    })?;
    let last = partitions
        .values()
        .filter_map(|view| view.blocks.last())
        .map(|block| block.id.0 + 1)
        .max();
    let next_block = meta_number(rocks, keys::NEXT_BLOCK)?.max(last.unwrap_or_default());
    Ok(Found {
        partitions,
        hints: Hints::load(rocks)?,
        flushed: meta_number(rocks, keys::FLUSHED)?,
        next_block,
        quarantined,
    })
}

fn meta_number(rocks: &Rocks, key: &[u8]) -> Result<u64, StorageError> {
    let value = rocks.db().get_cf(&rocks.family(rocks::META)?, key)?;
    value.map_or(Ok(0), |value| keys::number(&value))
}

/// Calls `each` with all entries of a family whose keys begin with `prefix`, or lie after it where it is empty.
pub(super) fn scan(
    rocks: &Rocks,
    family: &str,
    prefix: &[u8],
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let mut options = ReadOptions::default();
    options.set_total_order_seek(true);
    options.fill_cache(false);
    let mode = IteratorMode::From(prefix, Direction::Forward);
    for entry in rocks.db().iterator_cf_opt(&rocks.family(family)?, options, mode) {
        let (key, value) = entry?;
        if !key.starts_with(prefix) {
            break;
        }
        each(&key, &value)?;
    }
    Ok(())
}

/// Drops what is not live; what has column families without a record is live.
fn finish_partitions(rocks: &Rocks, environment: &Environment) -> Result<(), StorageError> {
    let mut states = Vec::new();
    scan(rocks, rocks::META, &[keys::PARTITION], |key, value| {
        let day = keys::partition_day(key).ok_or_else(|| StorageError::corrupt("partition record", "key"))?;
        states.push((day, PartitionState::from_bytes(value)?));
        Ok(())
    })?;
    for (day, state) in &states {
        if *state != PartitionState::Live {
            tracing::info!(day, ?state, "removing a partition that was not finished");
            destroy(rocks, &environment.failpoints, *day)?;
        }
    }
    let mut recorded = states.into_iter().map(|(day, _)| day).collect::<BTreeSet<_>>();
    for name in rocks.partition_families() {
        let Some(day) = Partition::day_of_family(&name) else {
            continue;
        };
        let partition = Partition::new(day);
        rocks.create_family(&partition.chunks)?;
        rocks.create_family(&partition.index)?;
        if recorded.insert(day) {
            tracing::warn!(day, "found a partition without a record");
            put_state(rocks, day, PartitionState::Live)?;
        }
    }
    Ok(())
}

/// Deletes chunks that no header names: of interrupted flushes and merges, and of the inputs of finished merges.
fn delete_unowned(rocks: &Rocks) -> Result<(), StorageError> {
    let mut unowned = Vec::new();
    scan(rocks, rocks::META, &[keys::UNOWNED], |key, _| {
        unowned.extend(keys::unowned_block(key));
        Ok(())
    })?;
    if unowned.is_empty() {
        return Ok(());
    }
    tracing::info!(blocks = unowned.len(), "deleting chunks of unfinished blocks");
    delete_chunks(rocks, &unowned)
}

fn load_partition(
    rocks: &Rocks,
    chunks: &Arc<ChunkStore>,
    damages: &Damages,
    day: u32,
    catalogue: Catalogue,
) -> Result<PartitionView, StorageError> {
    let partition = Arc::new(Partition::new(day));
    let mut blocks = Blocks::new(chunks, damages, day);
    let scanned = scan(rocks, &partition.index, &[keys::HEADER], |key, value| {
        let id = keys::header_block(key).ok_or_else(|| StorageError::corrupt("header", "key"))?;
        blocks.add(id, value)
    });
    if let Err(why) = scanned {
        index_damage(rocks, damages, day, why)?;
        blocks.find(rocks, &partition)?;
    }
    let named = scan(rocks, &partition.index, &[keys::NAME], |key, value| {
        match (keys::name_of(key), keys::seen_of(value)) {
            (Some((tenant, service, name)), Some(seen)) => catalogue.restore(tenant, service, name, seen),
            _ => tracing::error!(day, "a catalogue entry cannot be read; it is left out"),
        }
        Ok(())
    });
    if let Err(why) = named {
        index_damage(rocks, damages, day, why)?;
    }
    Ok(PartitionView {
        day,
        blocks: blocks.blocks.into_values().collect(),
        catalogue: Arc::new(catalogue),
        chunk_bytes: blocks.chunk_bytes,
        partition,
    })
}

/// Notes that the files of a day's index cannot be read, if that is it.
fn index_damage(rocks: &Rocks, damages: &Damages, day: u32, why: StorageError) -> Result<(), StorageError> {
    if !why.is_lasting_damage() {
        return Err(why);
    }
    tracing::error!(error = %why, day, "the index of a day cannot be read; what of it can be is served");
    damages.add(Damaged::index(day, &why), None);
    rocks.stop_compactions(day);
    Ok(())
}

/// The blocks of a day, while they are found.
struct Blocks<'a> {
    chunks: &'a Arc<ChunkStore>,
    damages: &'a Damages,
    day: u32,
    blocks: BTreeMap<BlockId, Arc<StoredBlock>>,
    chunk_bytes: BTreeMap<BlockId, u32>,
}

impl<'a> Blocks<'a> {
    fn new(chunks: &'a Arc<ChunkStore>, damages: &'a Damages, day: u32) -> Self {
        Self {
            chunks,
            damages,
            day,
            blocks: BTreeMap::new(),
            chunk_bytes: BTreeMap::new(),
        }
    }

    /// Adds a block by its record, unless it is known as damaged, or is.
    fn add(&mut self, id: BlockId, record: &[u8]) -> Result<(), StorageError> {
        if self.damages.has(self.day, id) {
            return Ok(());
        }
        let read = keys::header_of(record).and_then(|(bytes, header)| Ok((bytes, BlockHeader::from_bytes(header)?)));
        match read {
            Ok((bytes, header)) => {
                self.chunk_bytes.insert(id, bytes);
                let block = StoredBlock::new(id, self.day, &header, self.chunks.clone());
                self.blocks.insert(id, Arc::new(block));
                self.chunks.keep_header(id, Arc::new(header));
                Ok(())
            }
            Err(e @ StorageError::NewerFormat { .. }) => Err(e),
            Err(e) => {
                self.put_aside(id, &e);
                Ok(())
            }
        }
    }

    fn put_aside(&self, id: BlockId, why: &StorageError) {
        tracing::error!(error = %why, day = self.day, block = id.0, "a block header cannot be read; it is put aside");
        let part = Damaged {
            block: Some(id.0),
            ..Damaged::index(self.day, why)
        };
        self.damages.add(part, None);
    }

    /// Finds blocks by their chunks where their records cannot be read one after the other.
    fn find(&mut self, rocks: &Rocks, partition: &Partition) -> Result<(), StorageError> {
        let mut options = ReadOptions::default();
        options.set_total_order_seek(true);
        options.fill_cache(false);
        let chunks = rocks.family(&partition.chunks)?;
        let index = rocks.family(&partition.index)?;
        let mut entries = rocks.db().raw_iterator_cf_opt(&chunks, options);
        entries.seek_to_first();
        while let Some(id) = entries.key().and_then(keys::chunk_block) {
            match rocks.db().get_cf(&index, keys::header(id)?) {
                Ok(Some(record)) => self.add(id, &record)?,
                Ok(None) => {}
                Err(why) => self.put_aside(id, &StorageError::from(why)),
            }
            entries.seek(keys::chunks_of(id).1);
        }
        Ok(())
    }
}

impl Shared {
    /// Takes back the request ids and the batches that are in no block.
    pub(crate) fn replay(&self) -> Result<(), StorageError> {
        scan(&self.rocks, rocks::SEEN, &[], |key, slots| {
            if let (Some((bucket, id, epoch)), Some(slots)) = (keys::request_of(key), Slots::from_bytes(slots)) {
                self.seen.restore(bucket, id, epoch, &slots);
            }
            Ok(())
        })?;
        self.expire_seen()?;
        let flushed = self.flushes.status.borrow().flushed;
        let (mut next, mut batches, mut rows) = (flushed + 1, 0u64, 0);
        scan(&self.rocks, rocks::WAL, &[], |key, record| {
            let sequence = keys::number(key)?;
            if sequence <= flushed {
                return Ok(());
            }
            next = sequence + 1;
            match self.decode(record) {
                Ok(batch) => {
                    (batches, rows) = (batches + 1, rows + batch.batch.rows.len());
                    self.live.restore(sequence, batch, record.len() as u64);
                }
                Err(e) => self.quarantine(sequence, record, &e)?,
            }
            Ok(())
        })?;
        self.live.continue_at(next);
        tracing::info!(batches, spans = rows, "replayed the log");
        Ok(())
    }

    fn decode(&self, record: &[u8]) -> Result<HeadBatch, StorageError> {
        let (header, otlp) = wal::unpack(record)?;
        SpanBatch::decode(header.tenant, header.epoch, otlp, self.decode_limits()).map(HeadBatch::new)
    }

    /// Puts a record aside that cannot be read: it must not keep the rest from being served.
    fn quarantine(&self, sequence: u64, record: &[u8], why: &StorageError) -> Result<(), StorageError> {
        tracing::error!(error = %why, sequence, "a log record cannot be read; it is put aside");
        self.counters.quarantined_records.increment();
        self.quarantined.store(true, Ordering::Relaxed);
        let mut batch = WriteBatch::default();
        batch.put_cf(&self.rocks.family(rocks::QUARANTINE)?, keys::sequence(sequence), record);
        batch.delete_cf(&self.rocks.family(rocks::WAL)?, keys::sequence(sequence));
        self.rocks.write(batch)
    }
}
