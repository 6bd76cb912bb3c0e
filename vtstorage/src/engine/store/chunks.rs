//! Where blocks read their headers and chunks: caches of both over RocksDB, and beside them the cache of decoded pages. It
//! knows nothing of what is in a chunk.

use super::keys;
use super::partition::Partition;
use super::rocks::Rocks;
use crate::engine::block::{BlockHeader, BlockId, ChunkId, ChunkSource, PageCache};
use crate::engine::error::StorageError;
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rocksdb::ReadOptions;
use std::sync::Arc;

#[derive(Clone)]
struct ByLength;

impl Weighter<(BlockId, ChunkId), Bytes> for ByLength {
    fn weight(&self, _key: &(BlockId, ChunkId), chunk: &Bytes) -> u64 {
        chunk.len() as u64 + ENTRY
    }
}

#[derive(Clone)]
struct BySize;

impl Weighter<BlockId, Arc<BlockHeader>> for BySize {
    fn weight(&self, _key: &BlockId, header: &Arc<BlockHeader>) -> u64 {
        header.size() as u64 + ENTRY
    }
}

/// About what an entry takes beside its chunk.
const ENTRY: u64 = 100;
/// About the size of a chunk, for the first size of the cache's table.
const TYPICAL: u64 = 32 << 10;

/// About the size of a header.
const TYPICAL_HEADER: u64 = 16 << 10;

/// Memory for what is kept, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheSizes {
    pub(crate) chunks: u64,
    pub(crate) pages: u64,
    pub(crate) headers: u64,
}

/// Chunks and headers of all blocks.
pub(crate) struct ChunkStore {
    rocks: Arc<Rocks>,
    cache: Cache<(BlockId, ChunkId), Bytes, ByLength>,
    pages: PageCache,
    headers: Cache<BlockId, Arc<BlockHeader>, BySize>,
}

impl std::fmt::Debug for ChunkStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkStore")
            .field("cached", &self.cache.len())
            .finish_non_exhaustive()
    }
}

impl ChunkStore {
    /// Keeps up to `sizes` in memory.
    pub(crate) fn new(rocks: Arc<Rocks>, sizes: CacheSizes) -> Self {
        let items = |bytes: u64, typical| usize::try_from(bytes / typical).unwrap_or(usize::MAX).max(16);
        Self {
            rocks,
            cache: Cache::with_weighter(items(sizes.chunks, TYPICAL), sizes.chunks, ByLength),
            pages: PageCache::new(sizes.pages),
            headers: Cache::with_weighter(items(sizes.headers, TYPICAL_HEADER), sizes.headers, BySize),
        }
    }

    /// Bytes of headers that are kept.
    pub(crate) fn header_bytes(&self) -> usize {
        usize::try_from(self.headers.weight()).unwrap_or(usize::MAX)
    }

    /// Keeps the header of a block, as long as there is room.
    pub(crate) fn keep_header(&self, block: BlockId, header: Arc<BlockHeader>) {
        self.headers.insert(block, header);
    }

    /// Reads the header of a block, past the cache.
    pub(crate) fn read_header(&self, day: u32, block: BlockId) -> Result<Arc<BlockHeader>, StorageError> {
        let missing = || StorageError::MissingChunk {
            block: block.0,
            chunk: "header".into(),
        };
        let db = self.rocks.db();
        let family = db.cf_handle(&Partition::new(day).index).ok_or_else(missing)?;
        let value = db.get_pinned_cf(&family, keys::header(block)?)?.ok_or_else(missing)?;
        let (_, header) = keys::header_of(&value)?;
        BlockHeader::from_bytes(header).map(Arc::new)
    }

    /// Bytes in both caches.
    pub(crate) fn cached_bytes(&self) -> u64 {
        self.cache.weight() + self.pages.bytes()
    }

    /// Reads chunks of a block, past the cache.
    fn read(&self, day: u32, block: BlockId, chunks: &[ChunkId]) -> Result<Vec<Bytes>, StorageError> {
        let missing = |chunk: &ChunkId| StorageError::MissingChunk {
            block: block.0,
            chunk: chunk.to_string(),
        };
        let Some(family) = self.rocks.db().cf_handle(&Partition::new(day).chunks) else {
            return chunks.iter().map(|chunk| Err(missing(chunk))).collect();
        };
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        let db = self.rocks.db();
        let values = match chunks {
            [chunk] => vec![db.get_pinned_cf_opt(&family, keys::chunk(block, *chunk), &options)],
            chunks => {
                let keys = chunks
                    .iter()
                    .map(|chunk| keys::chunk(block, *chunk))
                    .collect::<Vec<_>>();
                db.batched_multi_get_cf_opt(&family, &keys, true, &options)
            }
        };
        let values = chunks.iter().zip(values);
        values
            .map(|(chunk, value)| {
                value?
                    .map(|value| Bytes::copy_from_slice(&value))
                    .ok_or_else(|| missing(chunk))
            })
            .collect()
    }
}

impl ChunkSource for ChunkStore {
    fn chunk(&self, day: u32, block: BlockId, chunk: ChunkId, scan: bool) -> Result<Bytes, StorageError> {
        let read = self.chunks(day, block, &[chunk], scan)?.pop();
        read.ok_or_else(|| StorageError::MissingChunk {
            block: block.0,
            chunk: chunk.to_string(),
        })
    }

    fn chunks(&self, day: u32, block: BlockId, wanted: &[ChunkId], scan: bool) -> Result<Vec<Bytes>, StorageError> {
        let cached = |chunk: &ChunkId| self.cache.get(&(block, *chunk));
        let mut found = wanted.iter().map(cached).collect::<Vec<_>>();
        let absent = wanted.iter().zip(&found).filter(|(_, found)| found.is_none());
        let absent = absent.map(|(chunk, _)| *chunk).collect::<Vec<_>>();
        if !absent.is_empty() {
            let mut read = self.read(day, block, &absent)?.into_iter();
            for (chunk, place) in wanted.iter().zip(&mut found).filter(|(_, place)| place.is_none()) {
                *place = read.next();
                if let (Some(bytes), false) = (&place, scan) {
                    self.cache.insert((block, *chunk), bytes.clone());
                }
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn header(&self, day: u32, block: BlockId) -> Result<Arc<BlockHeader>, StorageError> {
        if let Some(header) = self.headers.get(&block) {
            return Ok(header);
        }
        let header = self.read_header(day, block)?;
        self.headers.insert(block, header.clone());
        Ok(header)
    }

    fn pages(&self) -> Option<&PageCache> {
        Some(&self.pages)
    }
}
