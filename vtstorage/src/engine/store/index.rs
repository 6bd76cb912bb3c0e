//! Which blocks hold a trace.
//!
//! An index entry is a key without a value: tenant, trace hash, block. A query's view may be older than the index: what
//! merges took out of the index since then is still in the view, and is among the retired blocks.

use super::keys;
use super::shared::Shared;
use super::view::{PartitionView, View};
use crate::engine::block::{BlockId, StoredBlock};
use crate::engine::error::StorageError;
use common::ids::TenantId;
use rocksdb::ReadOptions;
use std::sync::Arc;

impl Shared {
    /// The blocks of `view` that may hold spans of a trace, newest partition first.
    pub(crate) fn blocks_of_trace(
        &self,
        view: &View,
        tenant: TenantId,
        hash: u64,
    ) -> Result<Vec<Arc<StoredBlock>>, StorageError> {
        let mut found = Vec::new();
        for partition in view.partitions().rev() {
            let indexed = match self.indexed(partition, tenant, hash) {
                Err(why) if why.is_lasting_damage() => {
                    // All may hold it.
                    self.note_index_damage(partition.day, &why);
                    found.extend(partition.blocks.iter().cloned());
                    continue;
                }
                indexed => indexed?,
            };
            let before = found.len();
            // Ids that the view lacks are newer than it: a flushed head that it has as a head, or a merged block.
            found.extend(indexed.into_iter().filter_map(|id| partition.block(id).cloned()));
            // In this order: a block is retired before its index entries are deleted.
            for retired in &self.retired.lock().blocks {
                let in_view = retired.day == partition.day && partition.block(retired.id).is_some();
                if in_view
                    && !found
                        .iter()
                        .skip(before)
                        .any(|block: &Arc<StoredBlock>| block.id == retired.id)
                {
                    found.push(retired.clone());
                }
            }
        }
        Ok(found)
    }

    fn indexed(&self, partition: &PartitionView, tenant: TenantId, hash: u64) -> Result<Vec<BlockId>, StorageError> {
        let prefix = keys::trace_prefix(tenant, hash);
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        let family = self.rocks.family(&partition.partition.index)?;
        let mut entries = self.rocks.db().raw_iterator_cf_opt(&family, options);
        let mut blocks = Vec::new();
        entries.seek(prefix);
        while let Some(block) = entries
            .key()
            .filter(|key| key.starts_with(&prefix))
            .and_then(keys::trace_block)
        {
            blocks.push(block);
            entries.next();
        }
        entries.status()?;
        Ok(blocks)
    }
}
