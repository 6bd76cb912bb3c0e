//! The order of rows in a block, and how many rows are cut into blocks. Pure.

use super::BlockOptions;
use crate::engine::batch::{SpanBatch, SpanRow};
use common::ids::{Epoch, TenantId};
use common::time::UnixNanos;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A row of one of the batches that are encoded together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowRef {
    hash: u64,
    pub(super) start: u64,
    pub(super) batch: u32,
    pub(super) row: u32,
}

/// The rows of one block to be.
#[derive(Debug)]
pub(super) struct BlockRows {
    pub(super) day: u32,
    pub(super) epoch: Epoch,
    pub(super) tenants: Vec<(TenantId, Vec<RowRef>)>,
}

/// The row a reference names.
#[inline]
pub(super) fn row_of(batches: &[Arc<SpanBatch>], at: RowRef) -> Option<(&SpanBatch, &SpanRow)> {
    let batch = batches.get(at.batch as usize)?;
    Some((batch, batch.rows.get(at.row as usize)?))
}

/// Sorts all rows, drops repeated spans, and cuts blocks between traces (within one only if it alone is too large).
pub(super) fn blocks(batches: &[Arc<SpanBatch>], options: &BlockOptions) -> Vec<BlockRows> {
    let mut groups: BTreeMap<(u32, Epoch), BTreeMap<TenantId, Vec<RowRef>>> = BTreeMap::new();
    for (number, batch) in batches.iter().enumerate() {
        let mut current: Option<(u32, &mut Vec<RowRef>)> = None;
        for (row, span) in batch.rows.iter().enumerate() {
            let day = UnixNanos(span.start).day();
            let at = RowRef {
                hash: span.hash,
                start: span.start,
                batch: number as u32,
                row: row as u32,
            };
            match &mut current {
                Some((known, rows)) if *known == day => rows.push(at),
                _ => {
                    let group = groups.entry((day, batch.epoch)).or_default();
                    let rows = group.entry(batch.tenant).or_default();
                    rows.push(at);
                    // Looked up again for the borrow checker's sake only when the day changes.
                    current = groups
                        .get_mut(&(day, batch.epoch))
                        .and_then(|g| g.get_mut(&batch.tenant))
                        .map(|r| (day, r));
                }
            }
        }
    }
    let mut out = Vec::new();
    for ((day, epoch), mut tenants) in groups {
        for rows in tenants.values_mut() {
            sort(batches, rows);
            rows.dedup_by(|a, b| is_same_span(batches, *a, *b));
        }
        cut(day, epoch, tenants, options.max_rows.max(1) as usize, &mut out);
    }
    out
}

/// Orders rows by (hash, trace id, start, span id, kind, name).
fn sort(batches: &[Arc<SpanBatch>], rows: &mut [RowRef]) {
    let full =
        |at: &RowRef| row_of(batches, *at).map(|(b, r)| (r.trace_id, r.start, r.span_id, r.kind, b.bytes(r.name)));
    rows.sort_unstable_by(|a, b| {
        (a.hash, a.start)
            .cmp(&(b.hash, b.start))
            .then_with(|| full(a).cmp(&full(b)))
    });
    // Traces whose hashes collide must not interleave.
    for run in rows.chunk_by_mut(|a, b| a.hash == b.hash) {
        let id = |at: &RowRef| row_of(batches, *at).map(|(_, r)| r.trace_id);
        if run.iter().any(|at| id(at) != run.first().and_then(id)) {
            run.sort_unstable_by(|a, b| full(a).cmp(&full(b)));
        }
    }
}

fn is_same_span(batches: &[Arc<SpanBatch>], a: RowRef, b: RowRef) -> bool {
    if (a.hash, a.start) != (b.hash, b.start) {
        return false;
    }
    let identity = |at| row_of(batches, at).map(|(b, r)| (r.trace_id, r.span_id, r.kind, b.bytes(r.name)));
    identity(a) == identity(b)
}

/// Fills blocks evenly: the fewest that hold all rows.
fn cut(day: u32, epoch: Epoch, tenants: BTreeMap<TenantId, Vec<RowRef>>, max_rows: usize, out: &mut Vec<BlockRows>) {
    let total: usize = tenants.values().map(Vec::len).sum();
    let target = total.div_ceil(total.div_ceil(max_rows).max(1)).max(1);
    let (mut block, mut held) = (Vec::new(), 0);
    for (tenant, rows) in tenants {
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            let room = target.saturating_sub(held);
            let n = if rest.len() <= max_rows - held {
                rest.len()
            } else {
                trace_boundary(rest, room, max_rows - held)
            };
            let (now, later) = rest.split_at(n);
            if n > 0 {
                block.push((tenant, now.to_vec()));
                held += n;
            }
            rest = later;
            if !rest.is_empty() || held >= target {
                out.push(BlockRows {
                    day,
                    epoch,
                    tenants: std::mem::take(&mut block),
                });
                held = 0;
            }
        }
    }
    if !block.is_empty() {
        out.push(BlockRows {
            day,
            epoch,
            tenants: block,
        });
    }
    out.retain(|block| !block.tenants.is_empty());
}

/// Where to cut near `target`, at most `limit`: between traces if one ends there.
fn trace_boundary(rows: &[RowRef], target: usize, limit: usize) -> usize {
    let limit = limit.min(rows.len());
    let is_boundary = |at: usize| match (at.checked_sub(1).and_then(|b| rows.get(b)), rows.get(at)) {
        (Some(before), Some(after)) => before.hash != after.hash,
        _ => true,
    };
    let target = target.clamp(1.min(limit), limit);
    (target..=limit)
        .find(|at| is_boundary(*at))
        .or_else(|| (1..target).rev().find(|at| is_boundary(*at)))
        .unwrap_or(limit)
}
