//! The service graph: which service called which how often. Each source is looked at as columns of ids and services;
//! only parents that lie in another source of their trace are looked up trace by trace.

mod spans;

use super::fanout;
use super::query::Query;
use crate::engine::block::{BlockId, BlockRows, StoredBlock};
use crate::engine::error::StorageError;
use crate::engine::rows::{RowSet, RowSource};
use common::ids::{SpanId, TraceId};
use common::query::CallEdge;
use parking_lot::Mutex;
use spans::{CallSpan, Spans};
use std::collections::{BTreeMap, HashMap};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

type Edges = BTreeMap<CallEdge, u64>;

/// Names a block within a store.
type Place = (u32, BlockId);

/// The calls that match the plan, counted from the service of the parent to that of the span. A repeated span counts
/// once where its repeats lie in heads or in one block. Callers are looked for in all that is stored here, in scope or
/// not.
pub(super) fn calls(query: &Arc<Query>) -> Result<Edges, StorageError> {
    let mut heads = Spans::default();
    for head in query.heads() {
        heads.add_head(query, head)?;
    }
    heads.finish_heads();
    let mut found = Found::default();
    found.count(&heads, None);
    let counting = Arc::new(Counting {
        query: query.clone(),
        blocks: query.blocks_within()?,
        found: Mutex::new(found),
    });
    let shared = counting.clone();
    let (threads, parts) = (query.pool.threads(), counting.blocks.len());
    fanout::for_each(&query.pool, threads, parts, move |part| shared.block(part))?;
    let mut found = std::mem::take(&mut *counting.found.lock());
    found.resolve_in_heads(&heads);
    found.resolve_in_blocks(query)?;
    Ok(found.edges)
}

/// Counting calls block by block.
struct Counting {
    query: Arc<Query>,
    blocks: Vec<Arc<StoredBlock>>,
    found: Mutex<Found>,
}

impl Counting {
    fn block(&self, part: usize) -> Result<ControlFlow<()>, StorageError> {
        let Some(block) = self.blocks.get(part) else {
            return Ok(ControlFlow::Break(()));
        };
        let spans = self
            .query
            .read_block(block, true, |rows| Spans::of_block(&self.query, rows))?;
        let mut found = Found::default();
        found.count(&spans, Some((block.day, block.id)));
        self.found.lock().add(found);
        Ok(ControlFlow::Continue(()))
    }
}

/// A call whose caller is not in the source of the called span.
#[derive(Debug)]
struct Unresolved {
    parent: SpanId,
    child: Arc<str>,
    /// The block in which the caller is not; `None` stands for the heads
    not_in: Option<Place>,
}

#[derive(Debug, Default)]
struct Found {
    edges: Edges,
    unresolved: HashMap<TraceId, Vec<Unresolved>>,
}

impl Found {
    fn add(&mut self, other: Self) {
        for (edge, calls) in other.edges {
            *self.edges.entry(edge).or_default() += calls;
        }
        for (trace, calls) in other.unresolved {
            self.unresolved.entry(trace).or_default().extend(calls);
        }
    }

    /// Counts the calls between spans of one source.
    fn count(&mut self, spans: &Spans, source: Option<Place>) {
        let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
        for trace in spans.spans.chunk_by(|a, b| a.trace == b.trace) {
            let callers = Callers::new(trace);
            for span in trace.iter().filter(|span| span.counts) {
                let Some(parent) = span.parent else { continue };
                match callers.service(parent) {
                    Some(service) => *counts.entry((service, span.service)).or_default() += 1,
                    None => self.unresolved.entry(span.trace).or_default().push(Unresolved {
                        parent,
                        child: spans.name(span.service),
                        not_in: source,
                    }),
                }
            }
        }
        for ((parent, child), calls) in counts {
            let edge = CallEdge {
                parent: spans.name(parent),
                child: spans.name(child),
            };
            *self.edges.entry(edge).or_default() += calls;
        }
    }

    fn resolve_in_heads(&mut self, heads: &Spans) {
        let Self { edges, unresolved } = self;
        unresolved.retain(|trace, calls| {
            let spans = heads.of_trace(*trace);
            if !spans.is_empty() {
                let callers = Callers::new(spans);
                resolve(edges, calls, None, |parent| {
                    callers.service(parent).map(|service| heads.name(service))
                });
            }
            !calls.is_empty()
        });
    }

    fn resolve_in_blocks(&mut self, query: &Query) -> Result<(), StorageError> {
        let mut blocks: BTreeMap<Place, (Arc<StoredBlock>, Vec<TraceId>)> = BTreeMap::new();
        for (trace, calls) in &self.unresolved {
            for block in query.index.blocks_of_trace(&query.view, query.tenant(), trace.hash())? {
                let place = (block.day, block.id);
                if calls.iter().any(|call| call.not_in != Some(place)) {
                    blocks
                        .entry(place)
                        .or_insert_with(|| (block, Vec::new()))
                        .1
                        .push(*trace);
                }
            }
        }
        for (place, (block, traces)) in blocks {
            query.read_whole_block(&block, false, |rows| self.resolve_in_block(query, rows, place, &traces))?;
        }
        Ok(())
    }

    fn resolve_in_block(
        &mut self,
        query: &Query,
        rows: &mut BlockRows<'_>,
        place: Place,
        traces: &[TraceId],
    ) -> Result<(), StorageError> {
        let mut want = RowSet::empty(rows.rows());
        let mut ranges: Vec<(TraceId, Range<u32>)> = Vec::with_capacity(traces.len());
        for trace in traces {
            let found = rows.trace_rows(query.tenant(), *trace)?;
            found.iter().for_each(|row| want.insert(*row));
            if let (Some(first), Some(last)) = (found.first(), found.last()) {
                ranges.push((*trace, *first..last + 1));
            }
        }
        let spans = Spans::of_rows(rows, &want)?;
        for (trace, range) in ranges {
            let callers = Callers::new(spans.of_rows_within(range));
            if let Some(calls) = self.unresolved.get_mut(&trace) {
                resolve(&mut self.edges, calls, Some(place), |parent| {
                    callers.service(parent).map(|service| spans.name(service))
                });
            }
        }
        Ok(())
    }
}

/// Counts the calls whose caller is now known, and takes them from the list.
fn resolve(
    edges: &mut Edges,
    calls: &mut Vec<Unresolved>,
    source: Option<Place>,
    service: impl Fn(SpanId) -> Option<Arc<str>>,
) {
    calls.retain(|call| {
        let caller = if call.not_in == source {
            None
        } else {
            service(call.parent)
        };
        let resolved = caller.map(|parent| CallEdge {
            parent,
            child: call.child.clone(),
        });
        let keep = resolved.is_none();
        if let Some(edge) = resolved {
            *edges.entry(edge).or_default() += 1;
        }
        keep
    });
}

/// The services of a trace's spans by span id; where an id repeats, the first span's.
enum Callers<'a> {
    Few(&'a [CallSpan]),
    Many(HashMap<SpanId, u32>),
}

/// Up to so many spans are searched one by one.
const FEW: usize = 24;

impl<'a> Callers<'a> {
    fn new(spans: &'a [CallSpan]) -> Self {
        if spans.len() <= FEW {
            return Self::Few(spans);
        }
        // The last insertion stays, and that is the first span.
        Self::Many(spans.iter().rev().map(|span| (span.id, span.service)).collect())
    }

    fn service(&self, id: SpanId) -> Option<u32> {
        match self {
            Self::Few(spans) => spans.iter().find(|span| span.id == id).map(|span| span.service),
            Self::Many(services) => services.get(&id).copied(),
        }
    }
}
