//! What a query sees: an immutable picture of the heads and the blocks at one moment. It knows nothing of how they
//! came about.

use super::catalogue::Catalogue;
use super::partition::Partition;
use crate::engine::batch::SpanBatch;
use crate::engine::block::{BlockId, StoredBlock};
use common::ids::{Epoch, TenantId};
use common::time::{NANOS_PER_DAY, TimeRange, UnixNanos};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An accepted batch that is not in a block yet.
#[derive(Clone, Debug)]
pub struct HeadBatch {
    pub batch: Arc<SpanBatch>,
    /// Earliest and latest span start, in nanoseconds
    pub min_start: u64,
    pub max_start: u64,
}

impl HeadBatch {
    pub fn new(batch: SpanBatch) -> Self {
        let (min_start, max_start) = batch.start_range();
        Self {
            batch: Arc::new(batch),
            min_start,
            max_start,
        }
    }
}

/// Batches in the order in which they came: grows in constant time, and is cheap to clone whatever its length, as full
/// chunks are shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeadList {
    full: Vec<Chunk>,
    tail: Vec<HeadBatch>,
}

pub(crate) type Chunk = Arc<[HeadBatch]>;

const CHUNK: usize = 128;
/// Chunks whose batches have fewer rows than this on average are worth joining: a query pays for each batch.
const SMALL: usize = 64;

impl HeadList {
    /// Gives the chunk that became full, if one did, with its place.
    pub(crate) fn push(&mut self, batch: HeadBatch) -> Option<(usize, Chunk)> {
        self.tail.push(batch);
        if self.tail.len() < CHUNK {
            return None;
        }
        let chunk: Chunk = std::mem::take(&mut self.tail).into();
        self.full.push(chunk.clone());
        Some((self.full.len() - 1, chunk))
    }

    /// Puts other batches with the same spans in the place of a chunk.
    pub(crate) fn replace(&mut self, place: usize, chunk: Chunk) {
        if let Some(old) = self.full.get_mut(place) {
            *old = chunk;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &HeadBatch> {
        self.full.iter().flat_map(|chunk| chunk.iter()).chain(&self.tail)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.full.is_empty() && self.tail.is_empty()
    }
}

/// The spans of a chunk in one batch per tenant and epoch. `None` if that is not worth it, or too much for a batch.
pub(crate) fn join(chunk: &[HeadBatch]) -> Option<Chunk> {
    let rows = chunk.iter().map(|head| head.batch.rows.len()).sum::<usize>();
    if rows > chunk.len() * SMALL {
        return None;
    }
    let mut origins: BTreeMap<(TenantId, Epoch), Vec<Arc<SpanBatch>>> = BTreeMap::new();
    for head in chunk {
        origins
            .entry((head.batch.tenant, head.batch.epoch))
            .or_default()
            .push(head.batch.clone());
    }
    origins
        .values()
        .map(|batches| SpanBatch::concat(batches).map(HeadBatch::new))
        .collect()
}

/// The blocks of one day.
#[derive(Clone, Debug)]
pub struct PartitionView {
    /// Days since 1970-01-01
    pub day: u32,
    /// Ascending by id
    pub blocks: Vec<Arc<StoredBlock>>,
    /// Services and span names of the blocks
    pub catalogue: Arc<Catalogue>,
    /// Bytes of the blocks' chunks
    pub(crate) chunk_bytes: BTreeMap<BlockId, u32>,
    /// Keeps the stored partition from being deleted.
    pub(crate) partition: Arc<Partition>,
}

impl PartitionView {
    pub fn block(&self, id: BlockId) -> Option<&Arc<StoredBlock>> {
        self.blocks
            .binary_search_by_key(&id, |b| b.id)
            .ok()
            .and_then(|i| self.blocks.get(i))
    }
}

/// The blocks of all days.
pub(crate) type Partitions = BTreeMap<u32, Arc<PartitionView>>;

/// All spans acknowledged before it was taken, each once: in a head batch or in a block (repeats of a span, by a client
/// that sent it in two requests, excepted). To be held for as long as its blocks are read: what they need stays stored
/// until then.
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) heads: Vec<HeadList>,
    pub(crate) partitions: Arc<Partitions>,
}

impl View {
    /// The batches that are not in blocks yet: of all tenants and days, in the order in which they came.
    pub fn batches(&self) -> impl Iterator<Item = &HeadBatch> {
        self.heads.iter().flat_map(HeadList::iter)
    }

    /// Leaves out blocks of earlier days.
    pub(crate) fn keep_from(&mut self, day: u32) {
        if self.partitions.first_key_value().is_some_and(|(first, _)| *first < day) {
            let kept = self.partitions.range(day..);
            self.partitions = Arc::new(kept.map(|(day, view)| (*day, view.clone())).collect());
        }
    }

    /// All partitions, oldest first.
    pub fn partitions(&self) -> impl DoubleEndedIterator<Item = &Arc<PartitionView>> {
        self.partitions.values()
    }

    /// The partitions that may hold spans whose start lies in `range`, oldest first.
    pub fn partitions_within(&self, range: TimeRange) -> impl DoubleEndedIterator<Item = &Arc<PartitionView>> {
        self.partitions.values().filter(move |p| {
            let start = u64::from(p.day) * NANOS_PER_DAY;
            range.overlaps(UnixNanos(start), UnixNanos(start + (NANOS_PER_DAY - 1)))
        })
    }

    /// All blocks, oldest partition first.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = &Arc<StoredBlock>> {
        self.partitions.values().flat_map(|p| &p.blocks)
    }

    pub fn block(&self, day: u32, id: BlockId) -> Option<&Arc<StoredBlock>> {
        self.partitions.get(&day)?.block(id)
    }
}

#[cfg(test)]
impl View {
    /// A view of what is not stored: one head, and blocks (ascending by id) with a catalogue.
    pub(crate) fn of_parts(head: Vec<HeadBatch>, blocks: Vec<Arc<StoredBlock>>, catalogue: Arc<Catalogue>) -> Self {
        let mut list = HeadList::default();
        for batch in head {
            list.push(batch);
        }
        let mut days: BTreeMap<u32, Vec<Arc<StoredBlock>>> = BTreeMap::new();
        for block in blocks {
            days.entry(block.day).or_default().push(block);
        }
        let partition = |(day, blocks)| {
            let partition = Partition::new(day).into();
            (
                day,
                Arc::new(PartitionView {
                    day,
                    blocks,
                    catalogue: catalogue.clone(),
                    chunk_bytes: BTreeMap::new(),
                    partition,
                }),
            )
        };
        Self {
            heads: vec![list],
            partitions: Arc::new(days.into_iter().map(partition).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_list_keeps_its_order_over_chunks() {
        let mut list = HeadList::default();
        assert!(list.is_empty());
        let batches = 3 * CHUNK as u64 + 5;
        for tenant in 0..batches {
            let before = list.clone();
            list.push(HeadBatch::new(SpanBatch {
                tenant: TenantId(tenant),
                ..SpanBatch::default()
            }));
            assert_eq!(before.iter().count() as u64, tenant, "a snapshot does not grow");
        }
        assert!(list.iter().map(|b| b.batch.tenant.0).eq(0..batches));
    }
}
