//! Whole traces by id, from heads and blocks, joined and without repeated spans.

use super::fanout;
use super::query::Query;
use crate::engine::batch::{SpanBatch, SpanReader};
use crate::engine::block::{BlockId, StoredBlock};
use crate::engine::error::StorageError;
use crate::engine::rows::RowSource;
use common::ids::TraceId;
use common::span::{Span, Trace};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

mod encoded;

/// Spans of the traces asked for, by their place in the question.
type Parts = Vec<(usize, Vec<Span>)>;

/// A block with the traces wanted of it, each with its place in the question.
type Wanted = (Arc<StoredBlock>, Vec<(usize, TraceId)>);

/// Which spans of a trace are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// Those in scope: others are asked for the rest
    Scope,
    /// All that are stored here, for a trace that was found by its spans in scope
    Everything,
}

/// Reads traces; those that are not stored are left out. `ids` do not repeat. The second of the answer is about how
/// much memory the traces take, which is reserved and to be released.
pub(super) fn fetch(query: &Arc<Query>, ids: &[TraceId], reach: Reach) -> Result<(Vec<Trace>, usize), StorageError> {
    let (mut parts, in_heads) = (Vec::new(), rows_of_heads(query, ids, reach)?);
    let mut bytes = 0;
    for head in in_heads {
        let mut reader = SpanReader::new(head.batch);
        let size = head.memory_bytes() * OWNED;
        query.context.reserve(size, "reading traces")?;
        bytes += size;
        for (place, row) in head.rows {
            parts.push((place, vec![reader.span(row)?]));
        }
    }
    let blocks = blocks_of(query, ids, reach)?;
    let (read, more) = from_blocks(query, blocks, OWNED, |batch, ranges| spans(&batch, &ranges))?;
    parts.extend(read.into_iter().flatten());
    Ok((join(ids, parts), bytes + more))
}

/// The same traces with their ranks, as the part of an answer that is sent to another node.
pub(super) fn fetch_encoded(
    query: &Arc<Query>,
    ranked: &[(u64, TraceId)],
    reach: Reach,
) -> Result<(Vec<u8>, usize), StorageError> {
    let ids: Vec<TraceId> = ranked.iter().map(|(_, id)| *id).collect();
    let blocks = blocks_of(query, &ids, reach)?;
    let (read, bytes) = from_blocks(query, blocks, 1, |batch, ranges| Ok(Some((batch, ranges))))?;
    let (mut batches, mut rows) = (Vec::new(), Vec::new());
    for head in rows_of_heads(query, &ids, reach)? {
        rows.extend(head.rows.into_iter().map(|(place, row)| (place, batches.len(), row)));
        batches.push(head.batch);
    }
    for (batch, ranges) in read.iter().flatten() {
        let mut first = 0;
        for (range, place) in ranges {
            let here = first..first + range.len();
            first = here.end;
            rows.extend(here.map(|row| (*place, batches.len(), row)));
        }
        batches.push(batch);
    }
    let part = encoded::traces(ranked, &batches, rows, query.take_stats())?;
    query.context.release(bytes);
    query.context.reserve(part.len(), "reading traces")?;
    let bytes = part.len();
    Ok((part, bytes))
}

fn join(ids: &[TraceId], parts: Parts) -> Vec<Trace> {
    let mut spans: Vec<Vec<Span>> = ids.iter().map(|_| Vec::new()).collect();
    for (place, part) in parts {
        if let Some(spans) = spans.get_mut(place) {
            if spans.is_empty() {
                *spans = part
            } else {
                spans.extend(part)
            }
        }
    }
    let stored = ids.iter().zip(spans).filter(|(_, spans)| !spans.is_empty());
    stored.map(|(id, spans)| Trace::new(*id, spans)).collect()
}

/// Rows of a head batch that belong to wanted traces, each with its trace's place.
struct HeadRows<'q> {
    batch: &'q SpanBatch,
    rows: Vec<(usize, usize)>,
}

impl HeadRows<'_> {
    /// About what the rows take of the batch.
    fn memory_bytes(&self) -> usize {
        self.batch.memory_bytes() / self.batch.rows.len().max(1) * self.rows.len()
    }
}

fn rows_of_heads<'q>(query: &'q Query, ids: &[TraceId], reach: Reach) -> Result<Vec<HeadRows<'q>>, StorageError> {
    let wanted: HashMap<u64, Vec<(usize, TraceId)>> = by_hash(ids);
    let mut found = Vec::new();
    for head in query.heads() {
        query.context.check()?;
        let batch = &*head.batch;
        let mut rows = rows_of(batch, &wanted);
        if reach == Reach::Scope {
            let hash = |row: usize| batch.rows.get(row).map_or(0, |row| row.hash);
            rows.retain(|(_, row)| query.has(batch.epoch, hash(*row)));
        }
        if !rows.is_empty() {
            found.push(HeadRows { batch, rows });
        }
    }
    Ok(found)
}

/// About how much larger owned spans are than rows of a batch.
const OWNED: usize = 3;

fn by_hash(ids: &[TraceId]) -> HashMap<u64, Vec<(usize, TraceId)>> {
    let mut wanted: HashMap<u64, Vec<(usize, TraceId)>> = HashMap::new();
    for (place, id) in ids.iter().enumerate() {
        wanted.entry(id.hash()).or_default().push((place, *id));
    }
    wanted
}

/// The rows of the wanted traces, each with its trace's place.
fn rows_of(batch: &SpanBatch, wanted: &HashMap<u64, Vec<(usize, TraceId)>>) -> Vec<(usize, usize)> {
    let place = |hash: u64, id: TraceId| {
        wanted
            .get(&hash)
            .and_then(|ids| ids.iter().find(|(_, wanted)| *wanted == id))
            .map(|(place, _)| *place)
    };
    let rows = batch.rows.iter().enumerate();
    match wanted.keys().next() {
        Some(only) if wanted.len() == 1 => rows
            .filter(|(_, r)| r.hash == *only)
            .filter_map(|(row, r)| place(r.hash, r.trace_id).map(|place| (place, row)))
            .collect(),
        _ => rows
            .filter_map(|(row, r)| place(r.hash, r.trace_id).map(|place| (place, row)))
            .collect(),
    }
}

/// The blocks that may hold spans of the traces, each with the traces' places.
fn blocks_of(query: &Query, ids: &[TraceId], reach: Reach) -> Result<Vec<Wanted>, StorageError> {
    let mut blocks: BTreeMap<(u32, BlockId), Wanted> = BTreeMap::new();
    for (place, id) in ids.iter().enumerate() {
        let hash = id.hash();
        for block in query.index.blocks_of_trace(&query.view, query.tenant(), hash)? {
            if reach == Reach::Scope && !query.has(block.epoch(), hash) {
                continue;
            }
            let key = (block.day, block.id);
            blocks
                .entry(key)
                .or_insert_with(|| (block, Vec::new()))
                .1
                .push((place, *id));
        }
    }
    Ok(blocks.into_values().collect())
}

/// Traces on their way out of blocks: what is made of the batch of each block, and memory that is reserved for it.
struct Reading<T> {
    query: Arc<Query>,
    blocks: Vec<Wanted>,
    /// How many times as large as the batch it is
    growth: usize,
    read: Mutex<(Vec<T>, usize)>,
}

/// Rows of a batch that follow each other, and the place of their trace.
type Run = (Range<u32>, usize);

impl<T: Default> Reading<T> {
    /// Reads all wanted traces of one block.
    fn block(
        &self,
        part: usize,
        make: impl FnOnce(SpanBatch, Vec<Run>) -> Result<T, StorageError>,
    ) -> Result<ControlFlow<()>, StorageError> {
        let Some((block, wanted)) = self.blocks.get(part) else {
            return Ok(ControlFlow::Break(()));
        };
        let query = &self.query;
        let (made, bytes) = query.read_whole_block(block, false, |rows| {
            let mut ranges: Vec<(Range<u32>, usize)> = Vec::with_capacity(wanted.len());
            for (place, id) in wanted {
                let found = rows.trace_rows(query.tenant(), *id)?;
                if let (Some(first), Some(last)) = (found.first(), found.last()) {
                    ranges.push((*first..last + 1, *place));
                }
            }
            if ranges.is_empty() {
                return Ok((T::default(), 0));
            }
            ranges.sort_unstable_by_key(|(range, _)| range.start);
            let read: Vec<Range<u32>> = ranges.iter().map(|(range, _)| range.clone()).collect();
            let batch = rows.read_rows(&read)?;
            let bytes = batch.memory_bytes() * self.growth;
            query.context.reserve(bytes, "reading traces")?;
            query.count_block();
            Ok((make(batch, ranges)?, bytes))
        })?;
        let mut all = self.read.lock();
        all.0.push(made);
        all.1 += bytes;
        Ok(ControlFlow::Continue(()))
    }
}

/// What `make` makes of the batches with the traces' rows in blocks, and how much memory is reserved for it.
fn from_blocks<T: Default + Send + 'static>(
    query: &Arc<Query>,
    blocks: Vec<Wanted>,
    growth: usize,
    make: impl Fn(SpanBatch, Vec<Run>) -> Result<T, StorageError> + Send + Sync + 'static,
) -> Result<(Vec<T>, usize), StorageError> {
    let reading = Arc::new(Reading {
        query: query.clone(),
        blocks,
        growth,
        read: Mutex::default(),
    });
    let shared = reading.clone();
    fanout::for_each(&query.pool, query.pool.threads(), reading.blocks.len(), move |part| {
        shared.block(part, &make)
    })?;
    let read = std::mem::take(&mut *reading.read.lock());
    Ok(read)
}

/// The spans of a batch that was read from `ranges`, trace by trace.
fn spans(batch: &SpanBatch, ranges: &[(Range<u32>, usize)]) -> Result<Parts, StorageError> {
    let mut reader = SpanReader::new(batch);
    let mut first = 0;
    let mut parts = Vec::with_capacity(ranges.len());
    for (range, place) in ranges {
        let rows = first..first + range.len();
        first = rows.end;
        parts.push((*place, rows.map(|row| reader.span(row)).collect::<Result<_, _>>()?));
    }
    Ok(parts)
}
