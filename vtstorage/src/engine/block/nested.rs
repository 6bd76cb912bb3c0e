//! What lies beside the span table: which trace a row belongs to, and which row an event or a link.

use super::Block;
use super::header::{ColumnData, Field, TableMeta};
use super::pages::Pages;
use crate::engine::codec::PAGE_VALUES;
use crate::engine::error::StorageError;
use crate::engine::numbers::Numbers;
use crate::engine::rows::RowSet;
use common::ids::{SpanId, TenantId, TraceId};
use std::ops::Range;

/// One trace of a block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TraceRows {
    pub(super) id: TraceId,
    pub(super) rows: Range<u32>,
    /// Start of its earliest span, in nanoseconds
    pub(super) start: u64,
}

/// The traces that `rows` belong to, in order.
pub(super) fn traces_of(
    block: &Block,
    pages: &mut Pages<'_>,
    rows: Range<u32>,
) -> Result<Vec<TraceRows>, StorageError> {
    let trace = &block.header.columns.trace;
    let (mut low, mut high) = near(block, rows.start);
    while low < high {
        let middle = low + (high - low) / 2;
        if one(pages, trace, middle)? <= rows.start {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let first = low;
    let mut ends = Vec::new();
    while ends.last().is_none_or(|end| *end < u64::from(rows.end)) && low < block.header.traces {
        let step = (rows.len() as u32 / 8 + 1).min(block.header.traces - low);
        pages.ints(&trace.rows_end, low..low + step, &mut ends)?;
        low += step;
    }
    let needed = ends
        .iter()
        .position(|end| *end >= u64::from(rows.end))
        .map_or(ends.len(), |i| i + 1);
    ends.truncate(needed);
    traces(block, pages, first, &ends)
}

/// The traces among which that of a row is, by the offsets in the header.
fn near(block: &Block, row: u32) -> (u32, u32) {
    let Some(tenant) = block.header.tenants.iter().rfind(|t| t.first_row <= row) else {
        return (0, block.header.traces);
    };
    let parts = &tenant.hash_parts;
    let after = parts.partition_point(|(rows, _)| tenant.first_row + rows <= row);
    let before = after.checked_sub(1).and_then(|part| parts.get(part));
    let traces = before.map_or(0, |part| part.1)..parts.get(after).map_or(tenant.traces, |part| part.1);
    (tenant.first_trace + traces.start, tenant.first_trace + traces.end)
}

fn one(pages: &mut Pages<'_>, trace: &super::header::TraceColumns, at: u32) -> Result<u32, StorageError> {
    let mut end = Vec::with_capacity(1);
    pages.ints(&trace.rows_end, at..at + 1, &mut end)?;
    Ok(end.first().map_or(u32::MAX, |end| *end as u32))
}

/// The traces from number `first` whose rows end at `ends`.
fn traces(block: &Block, pages: &mut Pages<'_>, first: u32, ends: &[u64]) -> Result<Vec<TraceRows>, StorageError> {
    let trace = &block.header.columns.trace;
    let range = first..first + ends.len() as u32;
    let ids = pages.fixed(&trace.trace_id, range.clone())?;
    let mut starts = Vec::with_capacity(ends.len());
    pages.ints(&trace.start, range, &mut starts)?;
    let mut begin = match first.checked_sub(1) {
        Some(before) => one(pages, trace, before)?,
        None => 0,
    };
    let mut out = Vec::with_capacity(ends.len());
    for ((id, end), start) in ids.as_chunks::<16>().0.iter().zip(ends).zip(starts) {
        let end = *end as u32;
        out.push(TraceRows {
            id: TraceId(*id),
            rows: begin..end,
            start: block.header.min_start.wrapping_add(start),
        });
        begin = end;
    }
    Ok(out)
}

/// Turns offsets of starts from those of their traces into times.
pub(super) fn add_trace_starts(
    block: &Block,
    pages: &mut Pages<'_>,
    rows: impl Iterator<Item = u32>,
    starts: &mut [u64],
) -> Result<(), StorageError> {
    let columns = &block.header.columns.trace;
    let ends = pages.whole_numbers(&columns.rows_end)?;
    let trace_starts = pages.whole_numbers(&columns.start)?;
    let (mut trace, mut end, mut base) = (0, 0, 0);
    for (row, start) in rows.zip(starts) {
        if end <= u64::from(row) {
            trace = next_trace(&ends, trace, row);
            end = ends.get(trace).unwrap_or(u64::MAX);
            base = block
                .header
                .min_start
                .wrapping_add(trace_starts.get(trace).unwrap_or_default());
        }
        *start = start.wrapping_add(base);
    }
    Ok(())
}

/// The trace of a row, from one on that begins before it; `ends` are where the rows of traces end.
fn next_trace(ends: &Numbers, from: usize, row: u32) -> usize {
    let is_before = |trace: usize| ends.get(trace).is_some_and(|end| end <= u64::from(row));
    let (mut low, mut step) = (from, 1);
    while is_before(low + step) {
        low += step;
        step *= 2;
    }
    let mut high = low + step;
    while low < high {
        let middle = low + (high - low) / 2;
        match is_before(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

/// The ids of the traces of a few rows, each with its row.
pub(super) fn trace_ids_of(
    block: &Block,
    pages: &mut Pages<'_>,
    want: &RowSet,
) -> Result<(Vec<u32>, Vec<TraceId>), StorageError> {
    let columns = &block.header.columns.trace;
    let ends = pages.whole_numbers(&columns.rows_end)?;
    let (mut rows, mut ids) = (Vec::new(), Vec::new());
    let (mut trace, mut end, mut id) = (0, 0, TraceId([0; 16]));
    for row in want.iter() {
        if end <= u64::from(row) {
            trace = next_trace(&ends, trace, row);
            end = ends.get(trace).unwrap_or(u64::MAX);
            let at = trace as u32;
            let bytes = pages.fixed(&columns.trace_id, at..at + 1)?;
            let known = bytes.first_chunk::<16>();
            id = TraceId(*known.ok_or_else(|| StorageError::corrupt("block", "a row without a trace"))?);
        }
        rows.push(row);
        ids.push(id);
    }
    Ok((rows, ids))
}

/// The rows of a trace, if the block has it.
pub(super) fn find_trace(
    block: &Block,
    pages: &mut Pages<'_>,
    tenant: TenantId,
    id: TraceId,
) -> Result<Option<Range<u32>>, StorageError> {
    let Some(rows) = block.header.tenants.iter().find(|t| t.tenant == tenant.0) else {
        return Ok(None);
    };
    let part = (id.hash() >> 58) as usize;
    let from = rows.hash_parts.get(part).map_or(0, |p| p.1);
    let to = rows.hash_parts.get(part + 1).map_or(rows.traces, |p| p.1);
    let first = rows.first_trace + from;
    let ids = pages.fixed(&block.header.columns.trace.trace_id, first..rows.first_trace + to)?;
    let Some(place) = ids.as_chunks::<16>().0.iter().position(|known| *known == id.0) else {
        return Ok(None);
    };
    let at = first + place as u32;
    let end = one(pages, &block.header.columns.trace, at)?;
    let start = match at.checked_sub(1) {
        Some(before) => one(pages, &block.header.columns.trace, before)?,
        None => 0,
    };
    Ok(Some(start..end))
}

/// For each event (or link) of the block, its span's row and its place among that span's.
pub(super) fn owners(pages: &mut Pages<'_>, spans: &TableMeta, ends: &Field) -> Result<Vec<(u32, u32)>, StorageError> {
    let Some(column) = spans.columns.iter().position(|c| c.field == *ends) else {
        return Ok(Vec::new());
    };
    let Some(ColumnData::Numbers(stream)) = spans.columns.get(column).map(|c| &c.data) else {
        return Ok(Vec::new());
    };
    let ends = pages.all_ints(stream)?;
    let rows = rows_having(pages, spans, column as u16, 0..spans.rows)?;
    let mut out = Vec::with_capacity(ends.last().map_or(0, |end| *end as usize));
    for (row, end) in rows.into_iter().zip(ends) {
        let first = out.len() as u32;
        out.extend((first..end as u32).map(|i| (row, i - first)));
    }
    Ok(out)
}

/// The rows of `range` (which begins at a page) that have `column`.
pub(super) fn rows_having(
    pages: &mut Pages<'_>,
    table: &TableMeta,
    column: u16,
    range: Range<u32>,
) -> Result<Vec<u32>, StorageError> {
    let having = pages.layout(table)?.having(column);
    let (mut codes, mut rows) = (Vec::with_capacity(range.len()), Vec::new());
    add_rows_having(pages, table, &having, range, &mut codes, &mut rows)?;
    Ok(rows)
}

/// Appends the rows of `range` (which begins at a page) whose shape is one of `having`; `codes` is for reuse.
pub(super) fn add_rows_having(
    pages: &mut Pages<'_>,
    table: &TableMeta,
    having: &[bool],
    range: Range<u32>,
    codes: &mut Vec<u64>,
    rows: &mut Vec<u32>,
) -> Result<(), StorageError> {
    debug_assert_eq!(range.start as usize % PAGE_VALUES, 0);
    codes.clear();
    pages.ints(&table.shapes, range.clone(), codes)?;
    // Every row is written, and overwritten by the next one unless it counts: no branch to mispredict.
    let mut end = rows.len();
    rows.resize(end + codes.len(), 0);
    for (row, code) in range.zip(codes) {
        if let Some(place) = rows.get_mut(end) {
            *place = row;
        }
        end += usize::from(having.get(*code as usize).copied().unwrap_or_default());
    }
    rows.truncate(end);
    Ok(())
}

/// The parents of the rows of a page, roots left out.
pub(super) fn parents_of(
    block: &Block,
    pages: &mut Pages<'_>,
    page: Range<u32>,
) -> Result<Vec<(u32, SpanId)>, StorageError> {
    let columns = &block.header.columns;
    let traces = traces_of(block, pages, page.clone())?;
    let first = traces.first().map_or(page.start, |t| t.rows.start);
    let ids = pages.fixed(
        &columns.span.span_id,
        first..traces.last().map_or(page.end, |t| t.rows.end),
    )?;
    let ids = ids.as_chunks::<8>().0;
    let mut parents = Vec::with_capacity(page.len());
    pages.ints(&columns.span.parent, page.clone(), &mut parents)?;
    let mut out = Vec::with_capacity(page.len());
    let mut trace = traces.iter().peekable();
    for (row, parent) in page.clone().zip(parents) {
        while trace.peek().is_some_and(|t| t.rows.end <= row) {
            trace.next();
        }
        if let (Some(place), Some(trace)) = (parent.checked_sub(1), trace.peek()) {
            let at = u64::from(trace.rows.start - first) + place;
            out.extend(ids.get(at as usize).map(|id| (row, SpanId(*id))));
        }
    }
    out.extend(outer_parents(pages, &columns.spans, page)?);
    out.sort_unstable_by_key(|(row, _)| *row);
    Ok(out)
}

/// Parents that are not in the block's rows of the trace.
fn outer_parents(
    pages: &mut Pages<'_>,
    spans: &TableMeta,
    page: Range<u32>,
) -> Result<Vec<(u32, SpanId)>, StorageError> {
    let Some(number) = spans.columns.iter().position(|c| c.field == Field::OuterParent) else {
        return Ok(Vec::new());
    };
    let Some(ColumnData::Fixed(stream)) = spans.columns.get(number).map(|c| &c.data) else {
        return Ok(Vec::new());
    };
    let layout = pages.layout(spans)?;
    let at = page.start as usize / PAGE_VALUES;
    let ids = pages.fixed(
        stream,
        layout.rank(number as u16, at)..layout.rank(number as u16, at + 1),
    )?;
    let rows = rows_having(pages, spans, number as u16, page)?;
    Ok(rows
        .into_iter()
        .zip(ids.as_chunks::<8>().0.iter().map(|id| SpanId(*id)))
        .collect())
}
