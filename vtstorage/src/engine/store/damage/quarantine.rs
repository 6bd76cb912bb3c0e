//! Taking what cannot be read out of sight, in one step, and forgetting it when what it held is here again.

use super::Damaged;
use crate::engine::block::{BlockId, StoredBlock};
use crate::engine::error::StorageError;
use crate::engine::store::engine::{Engine, blocking};
use crate::engine::store::keys;
use crate::engine::store::partition::Partition;
use crate::engine::store::partitions::delete_chunks;
use crate::engine::store::rocks;
use crate::engine::store::shared::Shared;
use crate::engine::store::view::View;
use common::cluster::Scope;
use common::time::TimeRange;
use rocksdb::WriteBatch;
use std::sync::Arc;

impl Engine {
    /// What cannot be read and is not served.
    pub fn damaged(&self) -> Vec<Damaged> {
        self.shared.damages.parts()
    }

    /// Whether spans that start in `range` and lie in scope are missing because they cannot be read. A log record that
    /// cannot be read may be of any.
    pub fn lacks_damaged(&self, range: TimeRange, scope: Option<&Scope>) -> bool {
        let log = self.shared.quarantined.load(std::sync::atomic::Ordering::Relaxed);
        log || self.shared.damages.concern(range, scope)
    }

    /// What is stored now, and whether of what is asked for something is missing in it.
    pub fn view_of(&self, range: TimeRange, scope: Option<&Scope>) -> (View, bool) {
        let damages = &self.shared.damages;
        let (generation, before) = (damages.generation(), self.lacks_damaged(range, scope));
        let view = self.view();
        // What was put aside or brought back meanwhile may be missing in this view only.
        (view, before || damages.generation() != generation)
    }

    /// Gives up all that is stored of a day, also what can be read, so that it can be fetched anew without its damaged
    /// files.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn empty_day(&self, day: u32) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        blocking(move || {
            {
                let _commit = shared.commit.lock();
                shared.retire_partition(day)?;
            }
            shared.purge()
        })
        .await
    }

    /// What these parts held is here again: they are deleted, and missed no longer.
    ///
    /// # Errors
    /// When the disk fails: then they stay as they are.
    pub async fn repaired(&self, parts: Vec<Damaged>) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        blocking(move || shared.forget_damage(&parts)).await
    }
}

impl Shared {
    /// A block could not be read: if it is for ever, it is soon put aside.
    pub(crate) fn unreadable(&self, block: &StoredBlock, why: &StorageError) {
        if why.is_damage() {
            self.damages.suspect(block.day, block.id);
        }
    }

    /// Takes a block out of sight, if it still is in it.
    pub(crate) fn quarantine_block(&self, block: &Arc<StoredBlock>, why: &StorageError) {
        let (day, id) = (block.day, block.id);
        let _commit = self.commit.lock();
        let mut partitions = (*self.live.partitions()).clone();
        let Some(view) = partitions.get_mut(&day).filter(|view| view.block(id).is_some()) else {
            return;
        };
        let view = Arc::make_mut(view);
        view.blocks.retain(|known| known.id != id);
        view.chunk_bytes.remove(&id);
        let part = Damaged {
            day,
            block: Some(id.0),
            epoch: Some(block.epoch().0),
            starts: Some((block.summary.min_start, block.summary.max_start)),
            why: why.to_string(),
        };
        self.note_damage(part, Some(block.clone()));
        // Known as missing before it is.
        self.live.install(partitions, None);
    }

    /// The files that say which blocks and traces a day has cannot be read.
    pub(crate) fn note_index_damage(&self, day: u32, why: &StorageError) {
        self.note_damage(Damaged::index(day, why), None);
    }

    fn note_damage(&self, part: Damaged, block: Option<Arc<StoredBlock>>) {
        let (day, id, why) = (part.day, part.block, part.why.clone());
        let rows = block.as_ref().map(|block| block.summary.rows);
        if self.damages.add(part, block) {
            tracing::error!(
                day,
                block = id,
                spans = rows,
                why,
                "damage: it is put aside and no longer served"
            );
            self.counters.damaged_blocks.increment();
            self.rocks.stop_compactions(day);
        }
    }

    fn forget_damage(&self, parts: &[Damaged]) -> Result<(), StorageError> {
        let blocks = parts.iter().filter_map(|part| Some((part.day, BlockId(part.block?))));
        let blocks = blocks.collect::<Vec<_>>();
        let _commit = self.commit.lock();
        let (meta, mut batch) = (self.rocks.family(rocks::META)?, WriteBatch::default());
        for (day, id) in &blocks {
            let index = Partition::new(*day).index;
            if self.rocks.has_family(&index) {
                batch.delete_cf(&self.rocks.family(&index)?, keys::header(*id)?);
                batch.put_cf(&meta, keys::unowned(*day, *id), []);
            }
        }
        self.rocks.write(batch)?;
        let held = self.damages.remove(parts);
        self.counters.repaired_blocks.add(parts.len() as u64);
        let is_held = |block: &(u32, BlockId)| held.iter().any(|held| (held.day, held.id) == *block);
        let free = blocks.iter().copied().filter(|block| !is_held(block));
        let free = free.collect::<Vec<_>>();
        // Older views may read the others to their end.
        self.retired.lock().blocks.extend(held);
        delete_chunks(&self.rocks, &free)
    }
}
