//! Digests of slots: which spans are stored, in a few numbers.

use super::scope::RowScope;
use crate::engine::batch::SpanBatch;
use crate::engine::block::{Block, KeptRows};
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, RowSource, Values};
use crate::engine::store::{Engine, View};
use common::cluster::{Scope, ScopeRange, Slot, SlotDigest, SlotSet};
use common::ids::{SpanId, TenantId, TraceId};
use common::query::{Column, SpanField};
use common::value::AttrValue;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

#[cfg(test)]
mod tests;

/// Spans whose hashes are held at a time, where slots are not larger.
const HELD: u64 = 4 << 20;

impl Engine {
    /// The digest of each slot in scope that has spans, over heads and blocks.
    pub async fn digest(&self, scope: Scope) -> Result<BTreeMap<Slot, SlotDigest>, StorageError> {
        let view = self.view();
        tokio::task::spawn_blocking(move || digest(&view, &scope))
            .await
            .map_err(|_| StorageError::Closed)?
    }
}

/// Looks at some slots after the others, so that memory is bounded.
fn digest(view: &View, scope: &Scope) -> Result<BTreeMap<Slot, SlotDigest>, StorageError> {
    let heads = view.batches().map(|head| head.batch.rows.len() as u64).sum::<u64>();
    let rows = heads + view.blocks().map(|block| u64::from(block.summary.rows)).sum::<u64>();
    let passes = (rows / HELD + 1).min(u64::from(scope.slots.max(1)));
    let mut all = BTreeMap::new();
    for pass in 0..passes {
        let part = (0..scope.slots).map(Slot);
        let part: SlotSet = part.filter(|slot| u64::from(slot.0) % passes == pass).collect();
        let mut hashes = Hashes::new(scope.slots);
        hashes.add_view(view, &RowScope::new(restricted(scope, &part)))?;
        all.extend(hashes.into_digests());
    }
    Ok(all)
}

fn restricted(scope: &Scope, slots: &SlotSet) -> Scope {
    let range = |range: &ScopeRange| ScopeRange {
        epochs: range.epochs,
        slots: range.slots.intersection(slots),
    };
    Scope {
        slots: scope.slots,
        ranges: scope.ranges.iter().map(range).collect(),
    }
}

/// Hashes of identities by slot.
struct Hashes {
    slots: u16,
    by_slot: BTreeMap<Slot, Vec<u64>>,
    identity: Vec<u8>,
}

/// What makes a span the same as another one.
struct Identity<'a> {
    tenant: TenantId,
    trace: TraceId,
    span: SpanId,
    kind: i32,
    start: u64,
    name: &'a [u8],
}

impl Hashes {
    fn new(slots: u16) -> Self {
        Self {
            slots,
            by_slot: BTreeMap::new(),
            identity: Vec::new(),
        }
    }

    fn add_view(&mut self, view: &View, scope: &RowScope) -> Result<(), StorageError> {
        for head in view.batches() {
            match scope.of_batch(&head.batch) {
                KeptRows::Nothing => {}
                KeptRows::All => self.add_batch(&head.batch, None),
                KeptRows::Some(kept) => self.add_batch(&head.batch, Some(&kept)),
            }
        }
        for block in view.blocks().filter(|block| scope.has_epoch(block.epoch())) {
            let open = block.open()?;
            for tenant in &block.summary.tenants {
                self.add_block(&open, *tenant, scope)?;
            }
        }
        Ok(())
    }

    fn add_batch(&mut self, batch: &SpanBatch, kept: Option<&RowSet>) {
        for (row, span) in (0..).zip(&batch.rows) {
            if kept.is_none_or(|kept| kept.contains(row)) {
                self.add(&Identity {
                    tenant: batch.tenant,
                    trace: span.trace_id,
                    span: span.span_id,
                    kind: span.kind,
                    start: span.start,
                    name: batch.bytes(span.name),
                });
            }
        }
    }

    fn add_block(&mut self, block: &Block, tenant: TenantId, scope: &RowScope) -> Result<(), StorageError> {
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
            self.add(&identity);
        }
        Ok(())
    }

    fn add(&mut self, of: &Identity<'_>) {
        self.identity.clear();
        self.identity.extend(of.tenant.0.to_be_bytes());
        self.identity.extend(of.trace.0);
        self.identity.extend(of.span.0);
        self.identity.extend(of.kind.to_be_bytes());
        self.identity.extend(of.start.to_be_bytes());
        self.identity.extend_from_slice(of.name);
        let slot = Slot::of(of.trace, self.slots);
        self.by_slot.entry(slot).or_default().push(xxh3_64(&self.identity));
    }

    fn into_digests(self) -> impl Iterator<Item = (Slot, SlotDigest)> {
        self.by_slot.into_iter().map(|(slot, mut hashes)| {
            hashes.sort_unstable();
            hashes.dedup();
            let digest = SlotDigest {
                spans: hashes.len() as u64,
                sum: hashes.iter().fold(0, |sum: u64, hash| sum.wrapping_add(*hash)),
            };
            (slot, digest)
        })
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
