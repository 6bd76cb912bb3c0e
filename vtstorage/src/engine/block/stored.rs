//! Blocks as views hold them: what rules a block out for a query is in memory, its header is read when the block is.
//! Headers are kept elsewhere, within a budget.

use super::{Block, BlockHeader, BlockId, ChunkSource};
use crate::engine::error::StorageError;
use common::ids::{Epoch, TenantId};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What is known of a block without its header; as there.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockSummary {
    pub rows: u32,
    pub epoch: Epoch,
    pub min_start: u64,
    pub max_start: u64,
    pub max_duration: u64,
    /// Those with rows in it, ascending
    pub tenants: Box<[TenantId]>,
}

impl BlockSummary {
    pub fn of(header: &BlockHeader) -> Self {
        let with_rows = header.tenants.iter().filter(|tenant| tenant.rows > 0);
        Self {
            rows: header.rows,
            epoch: header.epoch,
            min_start: header.min_start,
            max_start: header.max_start,
            max_duration: header.max_duration,
            tenants: with_rows.map(|tenant| TenantId(tenant.tenant)).collect(),
        }
    }

    /// Bytes of memory held.
    pub fn size(&self) -> usize {
        size_of::<Self>() + size_of_val::<[TenantId]>(&self.tenants)
    }
}

/// A block of a view.
pub struct StoredBlock {
    pub id: BlockId,
    pub day: u32,
    pub summary: BlockSummary,
    chunks: Arc<dyn ChunkSource>,
    /// Set where the stored header is about to go, or never was
    held: OnceLock<Arc<BlockHeader>>,
}

impl fmt::Debug for StoredBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredBlock")
            .field("id", &self.id)
            .field("day", &self.day)
            .finish_non_exhaustive()
    }
}

impl StoredBlock {
    /// A block whose header `chunks` can read.
    pub fn new(id: BlockId, day: u32, header: &BlockHeader, chunks: Arc<dyn ChunkSource>) -> Self {
        Self {
            id,
            day,
            summary: BlockSummary::of(header),
            chunks,
            held: OnceLock::new(),
        }
    }

    /// The block with its header.
    pub fn open(&self) -> Result<Block, StorageError> {
        let header = match self.held.get() {
            Some(header) => header.clone(),
            // It may have been taken away since then, but not before it was held.
            None => match (self.chunks.header(self.day, self.id), self.held.get()) {
                (Ok(header), _) => header,
                (Err(_), Some(header)) => header.clone(),
                (Err(e), None) => return Err(e),
            },
        };
        Ok(Block {
            id: self.id,
            day: self.day,
            header,
            chunks: self.chunks.clone(),
        })
    }

    /// Holds the header from now on: to be called before it is deleted, as others may open the block after that.
    pub fn hold(&self, header: Arc<BlockHeader>) {
        self.held.get_or_init(|| header);
    }

    /// Epoch of all its spans.
    pub fn epoch(&self) -> Epoch {
        self.summary.epoch
    }

    /// Where its chunks are read from.
    pub fn chunks(&self) -> &Arc<dyn ChunkSource> {
        &self.chunks
    }
}

impl From<Block> for StoredBlock {
    /// A block that holds its header.
    fn from(block: Block) -> Self {
        let stored = Self::new(block.id, block.day, &block.header, block.chunks);
        stored.hold(block.header);
        stored
    }
}
