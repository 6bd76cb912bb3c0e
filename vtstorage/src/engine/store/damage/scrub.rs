//! Looks for damage before anybody meets it: reads all that is stored, slowly, one part after the other, so that
//! RocksDB compares the checksums; and at once what somebody could not read.

use crate::engine::block::{BlockId, StoredBlock};
use crate::engine::error::StorageError;
use crate::engine::store::keys;
use crate::engine::store::partition::Partition;
use crate::engine::store::shared::Shared;
use rocksdb::{IteratorMode, ReadOptions};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Between two passes, at least.
const REST: Duration = Duration::from_secs(3_600);
/// Files are read ahead by so much.
const READAHEAD: usize = 256 << 10;

/// What is read of an index between two pauses.
const PORTION: u64 = 1 << 20;

/// What a pass has still to read.
#[derive(Debug, Default)]
struct Pass {
    left: VecDeque<Part>,
    parts: usize,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Block(u32, BlockId),
    Index(u32),
}

impl Shared {
    /// The scrub's thread.
    pub(crate) fn run_scrub(&self) {
        let mut pass = self.next_pass();
        let mut pause = Duration::ZERO;
        while self.damages.signal.wait(pause) {
            let suspects = self.damages.take_suspects();
            for (day, id) in &suspects {
                self.examine(*day, *id);
            }
            let rate = self.scrub_rate();
            let part = rate.and_then(|_| pass.left.pop_front());
            pause = match (part, rate) {
                (Some(part), Some(rate)) => {
                    let bytes = self.scrub(part);
                    self.counters.scrubbed_bytes.add(bytes);
                    if pass.left.is_empty() {
                        self.end_pass(&pass);
                        pass = self.next_pass();
                        REST
                    } else {
                        let done = 1.0 - pass.left.len() as f64 / pass.parts.max(1) as f64;
                        metrics::gauge!("vt_scrub_progress_ratio").set(done);
                        Duration::from_secs_f64(bytes as f64 / rate)
                    }
                }
                (_, rate) => {
                    if rate.is_some() {
                        self.end_pass(&pass);
                    }
                    pass = self.next_pass();
                    REST
                }
            };
        }
    }

    /// Bytes per second; `None`: it is switched off. What RocksDB has stopped at is looked for without a pause.
    fn scrub_rate(&self) -> Option<f64> {
        let bytes = self.config.storage_scrub_bytes_per_second.bytes();
        match self.damages.is_suspect() {
            true => Some(f64::INFINITY),
            false => Some(bytes as f64).filter(|bytes| *bytes > 0.0),
        }
    }

    fn next_pass(&self) -> Pass {
        let partitions = self.live.partitions();
        let of_day = |day: u32, blocks: &[Arc<StoredBlock>]| {
            let blocks = blocks.iter().map(|block| Part::Block(day, block.id));
            blocks.chain([Part::Index(day)]).collect::<Vec<_>>()
        };
        let left: VecDeque<Part> = partitions
            .values()
            .flat_map(|view| of_day(view.day, &view.blocks))
            .collect();
        Pass {
            parts: left.len(),
            left,
        }
    }

    fn end_pass(&self, pass: &Pass) {
        self.counters.scrubs.increment();
        metrics::gauge!("vt_scrub_progress_ratio").set(1.0);
        tracing::debug!(parts = pass.parts, "all that is stored was looked at for damage");
        if self.damages.is_suspect() {
            self.damages.set_suspect(false);
        }
    }

    /// Reads a part. Gives its bytes.
    fn scrub(&self, part: Part) -> u64 {
        match part {
            Part::Block(day, id) => {
                let Some(block) = self.block_now(day, id) else { return 0 };
                let size = self.chunk_bytes(day, id);
                if let Err(why) = self.verify_stored(&block) {
                    self.damaged(&block, &why);
                }
                u64::from(size)
            }
            Part::Index(day) => {
                let name = Partition::new(day).index;
                match self.read_family(&name, None, self.scrub_rate()) {
                    Ok(bytes) => bytes,
                    Err(why) if why.is_lasting_damage() && self.rocks.has_family(&name) => {
                        self.note_index_damage(day, &why);
                        0
                    }
                    Err(_) => 0,
                }
            }
        }
    }

    /// A block that somebody could not read: reads and decodes all of it.
    pub(crate) fn examine(&self, day: u32, id: BlockId) {
        let Some(block) = self.block_now(day, id) else { return };
        let decoded = || block.open()?.to_batches().map(drop);
        match self.verify_stored(&block).and_then(|()| decoded()) {
            Ok(()) => tracing::warn!(day, block = id.0, "a block that could not be read can be read now"),
            Err(why) => self.damaged(&block, &why),
        }
    }

    fn damaged(&self, block: &Arc<StoredBlock>, why: &StorageError) {
        match why.is_lasting_damage() {
            true => self.quarantine_block(block, why),
            // As of too many open files.
            false => tracing::error!(error = %why, ?block, "a block cannot be read now"),
        }
    }

    fn block_now(&self, day: u32, id: BlockId) -> Option<Arc<StoredBlock>> {
        self.live.partitions().get(&day)?.block(id).cloned()
    }

    fn chunk_bytes(&self, day: u32, id: BlockId) -> u32 {
        let partitions = self.live.partitions();
        let known = partitions.get(&day).and_then(|view| view.chunk_bytes.get(&id).copied());
        known.unwrap_or_default()
    }

    /// Reads the header and all chunks of a block, past the caches.
    fn verify_stored(&self, block: &StoredBlock) -> Result<(), StorageError> {
        let (day, id) = (block.day, block.id);
        let known = self.chunk_bytes(day, id);
        let found = self.chunks.read_header(day, id).and_then(|_| {
            let (from, to) = keys::chunks_of(id);
            self.read_family(&Partition::new(day).chunks, Some((&from, &to)), None)
        });
        let found = match found {
            // It was merged away meanwhile.
            _ if self.block_now(day, id).is_none() => return Ok(()),
            found => found?,
        };
        let complete = known == u32::MAX || found >= u64::from(known);
        complete.then_some(()).ok_or_else(|| StorageError::MissingChunk {
            block: id.0,
            chunk: format!("some: {found} of {known} bytes"),
        })
    }

    /// Reads the entries of a family between two keys, or all, at so many bytes per second. Gives their bytes.
    fn read_family(&self, name: &str, between: Option<(&[u8], &[u8])>, rate: Option<f64>) -> Result<u64, StorageError> {
        let mut options = ReadOptions::default();
        options.set_total_order_seek(true);
        options.fill_cache(false);
        options.set_readahead_size(READAHEAD);
        if let Some((from, to)) = between {
            options.set_iterate_lower_bound(from);
            options.set_iterate_upper_bound(to);
        }
        let family = self.rocks.family(name)?;
        let (mut bytes, mut keys, mut paced) = (0, 0, 0);
        for entry in self.rocks.db().iterator_cf_opt(&family, options, IteratorMode::Start) {
            let (key, value) = entry?;
            (bytes, keys) = (bytes + value.len() as u64, keys + key.len() as u64);
            let Some(rate) = rate else { continue };
            if bytes + keys > paced + PORTION {
                paced = bytes + keys;
                if !self.damages.signal.wait(Duration::from_secs_f64(PORTION as f64 / rate)) {
                    break;
                }
            }
        }
        Ok(bytes)
    }
}
