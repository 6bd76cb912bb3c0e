//! Blocks: up to 96 Ki spans of one day and one epoch as columns, ordered by (tenant, trace hash, trace id, start), so
//! that a trace is a run of rows and a slot a range of them. The format knows nothing of RocksDB: it makes and reads
//! chunks of bytes.

mod cache;
mod children;
mod columns;
mod dictionary;
pub mod header;
pub mod layout;
mod materialize;
pub mod membership;
mod minutes;
mod names;
mod nested;
mod order;
mod pages;
mod prefetch;
mod present;
mod prune;
mod slots;
mod source;
mod stored;
mod table;
mod trace;
mod values;
mod wanted;
mod write;

pub use cache::PageCache;
pub use header::BlockHeader;
pub use slots::KeptRows;
pub use source::BlockRows;
pub use stored::{BlockSummary, StoredBlock};
pub use write::encode;

use crate::engine::batch::SpanBatch;
use crate::engine::error::StorageError;
use bytes::Bytes;
use common::ids::{Epoch, TenantId};
use std::fmt;
use std::sync::Arc;

/// Names a block for ever; given out by the store in ascending order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct BlockId(pub u64);

/// Names a chunk of a block: a segment of a stream of values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChunkId {
    pub stream: u16,
    pub segment: u16,
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stream, self.segment)
    }
}

/// Where a block's chunks are read from.
pub trait ChunkSource: Send + Sync + 'static {
    /// The bytes of a chunk. A `scan` will not come back soon: its chunks need not be cached.
    fn chunk(&self, day: u32, block: BlockId, chunk: ChunkId, scan: bool) -> Result<Bytes, StorageError>;

    /// The bytes of several chunks of a block, in their order; `wanted` is ascending.
    fn chunks(&self, day: u32, block: BlockId, wanted: &[ChunkId], scan: bool) -> Result<Vec<Bytes>, StorageError> {
        wanted
            .iter()
            .map(|chunk| self.chunk(day, block, *chunk, scan))
            .collect()
    }

    /// The header of a block.
    fn header(&self, day: u32, block: BlockId) -> Result<Arc<BlockHeader>, StorageError> {
        Err(StorageError::MissingChunk {
            block: block.0,
            chunk: format!("header, day {day}"),
        })
    }

    /// Where decoded pages are kept, if anywhere. Block ids must be unique in it.
    fn pages(&self) -> Option<&PageCache> {
        None
    }
}

/// A service's span name with its kind, for the catalogue.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CatalogueEntry {
    pub tenant: TenantId,
    pub service: String,
    pub name: String,
    pub kind: i32,
    /// Earliest and latest start of such spans in the block, in nanoseconds
    pub first_seen: u64,
    pub last_seen: u64,
}

/// A block on its way to the store: all of it is written in one step, or nothing.
#[derive(Clone, Debug)]
pub struct EncodedBlock {
    /// Days since 1970-01-01 of the starts of all its spans
    pub day: u32,
    pub header: BlockHeader,
    pub chunks: Vec<(ChunkId, Vec<u8>)>,
    /// Each trace in it: tenant and trace hash, ascending
    pub traces: Vec<(TenantId, u64)>,
    pub catalogue: Vec<CatalogueEntry>,
}

/// How blocks are cut and encoded.
#[derive(Clone, Copy, Debug)]
pub struct BlockOptions {
    pub max_rows: u32,
    /// Attribute columns per block and level; further keys go to the spill column.
    pub max_columns: usize,
}

impl Default for BlockOptions {
    fn default() -> Self {
        Self {
            max_rows: 98_304,
            max_columns: 1_024,
        }
    }
}

/// A block that is being read: its header, and where to read the rest.
#[derive(Clone)]
pub struct Block {
    pub id: BlockId,
    pub day: u32,
    pub header: Arc<BlockHeader>,
    pub chunks: Arc<dyn ChunkSource>,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("id", &self.id)
            .field("day", &self.day)
            .finish_non_exhaustive()
    }
}

impl Block {
    /// A reader of its rows and columns, for one request. A `scan` passes the segment cache by.
    pub fn rows(&self, scan: bool) -> BlockRows<'_> {
        BlockRows::new(self, scan)
    }

    /// All rows of the block as batches, one per tenant: for merging.
    pub fn to_batches(&self) -> Result<Vec<SpanBatch>, StorageError> {
        let mut rows = self.rows(true);
        let tenants = self.header.tenants.iter();
        tenants
            .map(|t| rows.read_rows(std::slice::from_ref(&(t.first_row..t.first_row + t.rows))))
            .collect()
    }

    /// Epoch of all its spans.
    pub fn epoch(&self) -> Epoch {
        self.header.epoch
    }
}

#[cfg(test)]
mod tests;
