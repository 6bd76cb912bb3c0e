//! Single rows that match, whole or as columns. Where an order decides which are wanted, numbers are read first and the
//! rows that are left in the end are made; else rows are made as they are found.

mod part;
mod rank;
mod ranked;
mod source;
#[cfg(test)]
pub(super) mod tests;

use super::fanout;
use super::query::Query;
use super::stream::Parts;
use crate::engine::error::StorageError;
use crate::engine::rows::{RowSet, RowSource};
use common::query::{Answer, Projection, RowOrder, RowsQuery};
use source::{Reader, Source};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Sends the rows that match the plan; at least one part, which says what was scanned.
pub(super) fn rows(query: &Arc<Query>, parts: &Arc<Parts>, what: &RowsQuery) -> Result<(), StorageError> {
    match (&what.order, what.limit) {
        (_, Some(0)) => {}
        (RowOrder::Any, limit) => any(query, parts, &what.projection, limit.unwrap_or(usize::MAX))?,
        (_, None) => any(query, parts, &what.projection, usize::MAX)?,
        (order, Some(limit)) => {
            let (sources, best) = ranked::search(query, order, limit)?;
            let making = Making {
                query: query.clone(),
                parts: parts.clone(),
                projection: what.projection.clone(),
                sources,
                left: AtomicUsize::new(0),
            };
            making.make(best)?;
        }
    }
    let stats = query.take_stats();
    Ok(parts.send(
        Answer::Rows {
            parts: Vec::new(),
            stats,
        },
        0,
    )?)
}

/// Any rows that match, up to a number.
fn any(query: &Arc<Query>, parts: &Arc<Parts>, projection: &Projection, limit: usize) -> Result<(), StorageError> {
    let heads = query.heads_within().cloned().map(Source::Head);
    let blocks = query.blocks_within()?.into_iter().map(Source::Block);
    let making = Arc::new(Making {
        query: query.clone(),
        parts: parts.clone(),
        projection: projection.clone(),
        sources: heads.chain(blocks).collect(),
        left: AtomicUsize::new(limit),
    });
    let shared = making.clone();
    fanout::for_each(&query.pool, query.pool.threads(), making.sources.len(), move |number| {
        shared.find(number)
    })
}

/// Rows on their way out of sources.
struct Making {
    query: Arc<Query>,
    parts: Arc<Parts>,
    projection: Projection,
    sources: Arc<[Source]>,
    /// Of those that are made as they are found, how many are still wanted
    left: AtomicUsize,
}

impl Making {
    /// Finds and sends the rows of a source; breaks when enough were found.
    fn find(&self, number: usize) -> Result<ControlFlow<()>, StorageError> {
        let query = &self.query;
        let Some(source) = self
            .sources
            .get(number)
            .filter(|_| self.left.load(Ordering::Relaxed) > 0)
        else {
            return Ok(ControlFlow::Break(()));
        };
        source.read(query, |reader| {
            let found = query.filter.select(reader.source(), query.tenant(), &[query.range()])?;
            let Some(matching) = found else { return Ok(()) };
            query.count_rows(reader.source());
            source.count(query);
            let wanted = self.claim(matching.count() as usize);
            let rows: Vec<u32> = matching.iter().take(wanted).collect();
            self.send(reader, &rows)
        })?;
        Ok(ControlFlow::Continue(()))
    }

    /// How many of `found` rows are wanted.
    fn claim(&self, found: usize) -> usize {
        let take = |left: usize| Some(left.saturating_sub(found));
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        left.map_or(0, |left| left.min(found))
    }

    /// Sends these rows, each with the number of its source.
    fn make(self, mut best: Vec<(u32, u32)>) -> Result<(), StorageError> {
        best.sort_unstable();
        let mut wanted: Vec<(usize, Vec<u32>)> = Vec::new();
        for rows in best.chunk_by(|a, b| a.0 == b.0) {
            if let Some((source, _)) = rows.first() {
                wanted.push((*source as usize, rows.iter().map(|(_, row)| *row).collect()));
            }
        }
        let (query, count) = (self.query.clone(), wanted.len());
        fanout::for_each(&query.pool, query.pool.threads(), count, move |number| {
            let Some((source, rows)) = wanted.get(number) else {
                return Ok(ControlFlow::Break(()));
            };
            if let Some(source) = self.sources.get(*source) {
                source.read(&self.query, |reader| self.send(reader, rows))?;
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Sends rows of one source, part by part.
    fn send(&self, reader: &mut Reader<'_, '_>, rows: &[u32]) -> Result<(), StorageError> {
        let size = match self.projection {
            Projection::Spans => SPANS_PER_PART,
            Projection::Columns(_) => ROWS_PER_PART,
        };
        for rows in rows.chunks(size) {
            self.query.context.check()?;
            let (part, bytes) = match &self.projection {
                Projection::Spans => part::spans(reader, rows)?,
                Projection::Columns(columns) => part::columns(reader.source(), columns, rows)?,
            };
            self.query.context.reserve(bytes, "making rows")?;
            let (parts, stats) = (vec![part], self.query.take_stats());
            self.parts.send(Answer::Rows { parts, stats }, bytes)?;
        }
        Ok(())
    }
}

/// Spans take about 1.5 KB, and a number of parts may wait.
const SPANS_PER_PART: usize = 256;

/// Rows of a few columns: as many as make reading a dictionary for them worth while.
const ROWS_PER_PART: usize = 8_192;

/// The set of these rows.
fn set_of(source: &dyn RowSource, rows: &[u32]) -> RowSet {
    let mut set = RowSet::empty(source.rows());
    rows.iter().for_each(|row| set.insert(*row));
    set
}
