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
    let mut parts = from_heads(query, ids, reach)?;
    let blocks = blocks_of(query, ids, reach)?;
    let reading = Arc::new(Reading {
        query: query.clone(),
        blocks,
        parts: Mutex::default(),
    });
    let shared = reading.clone();
    fanout::for_each(&query.pool, query.pool.threads(), reading.blocks.len(), move |part| {
        shared.block(part)
    })?;
    let (from_blocks, bytes) = std::mem::take(&mut *reading.parts.lock());
    parts.0.extend(from_blocks);
    Ok((join(ids, parts.0), parts.1 + bytes))
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

fn from_heads(query: &Query, ids: &[TraceId], reach: Reach) -> Result<(Parts, usize), StorageError> {
    let wanted: HashMap<u64, Vec<(usize, TraceId)>> = by_hash(ids);
    let (mut parts, mut bytes) = (Vec::new(), 0);
    for head in query.heads() {
        query.context.check()?;
        let mut rows = rows_of(&head.batch, &wanted);
        if reach == Reach::Scope {
            let hash = |row: usize| head.batch.rows.get(row).map_or(0, |row| row.hash);
            rows.retain(|(_, row)| query.has(head.batch.epoch, hash(*row)));
        }
        if rows.is_empty() {
            continue;
        }
        let mut reader = SpanReader::new(&head.batch);
        let size = head.batch.memory_bytes() / head.batch.rows.len().max(1) * rows.len() * OWNED;
        query.context.reserve(size, "reading traces")?;
        bytes += size;
        for (place, row) in rows {
            parts.push((place, vec![reader.span(row)?]));
        }
    }
    Ok((parts, bytes))
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

/// Traces on their way out of blocks.
struct Reading {
    query: Arc<Query>,
    blocks: Vec<Wanted>,
    parts: Mutex<(Parts, usize)>,
}

impl Reading {
    /// Reads all wanted traces of one block.
    fn block(&self, part: usize) -> Result<ControlFlow<()>, StorageError> {
        let Some((block, wanted)) = self.blocks.get(part) else {
            return Ok(ControlFlow::Break(()));
        };
        let query = &self.query;
        let (parts, bytes) = query.read_whole_block(block, false, |rows| {
            let mut ranges: Vec<(Range<u32>, usize)> = Vec::with_capacity(wanted.len());
            for (place, id) in wanted {
                let found = rows.trace_rows(query.tenant(), *id)?;
                if let (Some(first), Some(last)) = (found.first(), found.last()) {
                    ranges.push((*first..last + 1, *place));
                }
            }
            if ranges.is_empty() {
                return Ok((Vec::new(), 0));
            }
            ranges.sort_unstable_by_key(|(range, _)| range.start);
            let read: Vec<Range<u32>> = ranges.iter().map(|(range, _)| range.clone()).collect();
            let batch = rows.read_rows(&read)?;
            let bytes = batch.memory_bytes() * OWNED;
            query.context.reserve(bytes, "reading traces")?;
            query.count_block();
            Ok((spans(&batch, &ranges)?, bytes))
        })?;
        let mut all = self.parts.lock();
        all.0.extend(parts);
        all.1 += bytes;
        Ok(ControlFlow::Continue(()))
    }
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
