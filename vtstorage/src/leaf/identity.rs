//! What makes a span the same as another one, as bytes: tenant, trace, span, kind, start and name. Found in heads and
//! blocks, for digests and for what is fetched anew.

use super::scope::RowScope;
use crate::engine::batch::SpanBatch;
use crate::engine::block::{Block, KeptRows, StoredBlock};
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, RowSource, Values};
use crate::engine::store::View;
use common::ids::{SpanId, TenantId, TraceId};
use common::query::{Column, SpanField};
use common::time::UnixNanos;
use common::value::AttrValue;

/// Calls a function with the trace and the identity of each span that it meets.
pub(super) struct Identities<F> {
    /// Spans of this day only
    day: Option<u32>,
    bytes: Vec<u8>,
    each: F,
}

/// Who is told of blocks that cannot be read.
pub(super) type Unreadable<'a> = dyn Fn(&StoredBlock, &StorageError) + 'a;

struct Identity<'a> {
    tenant: TenantId,
    trace: TraceId,
    span: SpanId,
    kind: i32,
    start: u64,
    name: &'a [u8],
}

impl<F: FnMut(TraceId, &[u8])> Identities<F> {
    pub(super) fn new(day: Option<u32>, each: F) -> Self {
        Self {
            day,
            bytes: Vec::new(),
            each,
        }
    }

    /// Meets what a view has in scope. `unreadable` is told of a block that cannot be read.
    pub(super) fn meet_view(
        &mut self,
        view: &View,
        scope: &RowScope,
        unreadable: &Unreadable<'_>,
    ) -> Result<(), StorageError> {
        for head in view.batches() {
            match scope.of_batch(&head.batch) {
                KeptRows::Nothing => {}
                KeptRows::All => self.meet_batch(&head.batch, None),
                KeptRows::Some(kept) => self.meet_batch(&head.batch, Some(&kept)),
            }
        }
        let wanted = |day| self.day.is_none_or(|wanted| wanted == day);
        let blocks = view
            .blocks()
            .filter(|block| wanted(block.day) && scope.has_epoch(block.epoch()));
        for block in blocks.collect::<Vec<_>>() {
            let met = self.meet_stored(block, scope);
            met.inspect_err(|why| unreadable(block, why))?;
        }
        Ok(())
    }

    fn meet_stored(&mut self, block: &StoredBlock, scope: &RowScope) -> Result<(), StorageError> {
        let open = block.open()?;
        let mut tenants = block.summary.tenants.iter();
        tenants.try_for_each(|tenant| self.meet_block(&open, *tenant, scope))
    }

    fn meet_batch(&mut self, batch: &SpanBatch, kept: Option<&RowSet>) {
        for row in 0..batch.rows.len() {
            if kept.is_none_or(|kept| kept.contains(row as u32)) {
                self.meet_row(batch, row);
            }
        }
    }

    /// Meets one span of a batch.
    pub(super) fn meet_row(&mut self, batch: &SpanBatch, row: usize) {
        let Some(span) = batch.rows.get(row) else { return };
        if self.day.is_none_or(|day| UnixNanos(span.start).day() == day) {
            self.meet(&Identity {
                tenant: batch.tenant,
                trace: span.trace_id,
                span: span.span_id,
                kind: span.kind,
                start: span.start,
                name: batch.bytes(span.name),
            });
        }
    }

    fn meet_block(&mut self, block: &Block, tenant: TenantId, scope: &RowScope) -> Result<(), StorageError> {
        let mut rows = block.rows(true);
        let want = match scope.of_block(block.epoch(), tenant, &mut rows)? {
            KeptRows::Nothing => return Ok(()),
            KeptRows::All => RowSet::of_range(block.header.rows, rows.tenant_rows(tenant)),
            KeptRows::Some(kept) => kept,
        };
        let mut load = |field| {
            let loaded = rows.load(&Column::Field(field), &want)?;
            loaded.ok_or_else(|| StorageError::corrupt("column", "every span has one"))
        };
        let (traces, spans) = (load(SpanField::TraceId)?, load(SpanField::SpanId)?);
        let (kinds, starts, names) = (load(SpanField::Kind)?, load(SpanField::Start)?, load(SpanField::Name)?);
        let [mut trace, mut span, mut kind, mut start, mut name] =
            [&traces, &spans, &kinds, &starts, &names].map(Cursor::new);
        for row in want.iter() {
            let identity = Identity {
                tenant,
                trace: trace.at(row, trace_of)?,
                span: span.at(row, span_of)?,
                kind: kind.at(row, int_of)? as i32,
                start: start.at(row, uint_of)?,
                name: name.at(row, text_of)?,
            };
            self.meet(&identity);
        }
        Ok(())
    }

    fn meet(&mut self, of: &Identity<'_>) {
        self.bytes.clear();
        self.bytes.extend(of.tenant.0.to_be_bytes());
        self.bytes.extend(of.trace.0);
        self.bytes.extend(of.span.0);
        self.bytes.extend(of.kind.to_be_bytes());
        self.bytes.extend(of.start.to_be_bytes());
        self.bytes.extend_from_slice(of.name);
        (self.each)(of.trace, &self.bytes);
    }
}

/// Walks over the values of a column by ascending rows.
struct Cursor<'a> {
    rows: &'a LoadedRows,
    values: &'a Values,
    next: usize,
}

impl<'a> Cursor<'a> {
    fn new(loaded: &'a Loaded) -> Self {
        Self {
            rows: &loaded.rows,
            values: &loaded.values,
            next: 0,
        }
    }

    /// The value of a row.
    fn at<T>(&mut self, row: u32, value: impl Fn(&'a Values, usize) -> Option<T>) -> Result<T, StorageError> {
        match self.rows {
            LoadedRows::Dense { start } => self.next = row.saturating_sub(*start) as usize,
            LoadedRows::Sparse(rows) => {
                while rows.get(self.next).is_some_and(|known| *known < row) {
                    self.next += 1;
                }
            }
            LoadedRows::Set(rows) => self.next = rows.place(row).unwrap_or(usize::MAX),
        }
        let value = (self.rows.row(self.next) == row).then(|| value(self.values, self.next));
        value
            .flatten()
            .ok_or_else(|| StorageError::corrupt("column", "a span lacks a value that every span has"))
    }
}

fn trace_of(values: &Values, at: usize) -> Option<TraceId> {
    match values {
        Values::TraceIds(ids) => ids.get(at).copied(),
        _ => None,
    }
}

fn span_of(values: &Values, at: usize) -> Option<SpanId> {
    match values {
        Values::SpanIds(ids) => ids.get(at).copied(),
        _ => None,
    }
}

fn int_of(values: &Values, at: usize) -> Option<i64> {
    match values {
        Values::Int(ints) => ints.get(at).map(u64::cast_signed),
        Values::Const {
            value: AttrValue::Int(value),
            ..
        } => Some(*value),
        _ => None,
    }
}

fn uint_of(values: &Values, at: usize) -> Option<u64> {
    match values {
        Values::UInt(ints) => ints.get(at),
        _ => None,
    }
}

fn text_of(values: &Values, at: usize) -> Option<&[u8]> {
    match values {
        Values::Dict { dict, codes } => codes.get(at).map(|code| dict.get(code as usize)),
        Values::Text(texts) => Some(texts.get(at)),
        Values::Const { value, .. } => value.as_str().map(str::as_bytes),
        _ => None,
    }
}
