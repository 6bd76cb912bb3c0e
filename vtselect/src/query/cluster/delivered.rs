//! The rows that were handed on before their node's answer was complete. When that node fails, another one sends the
//! same rows again: those that are known are left out, so that each is handed on once.
//!
//! Rows are known by hashes: keeping them would take too much memory for large exports.

use super::held::Reserved;
use common::contract::QueryContext;
use common::query::{ColumnRows, RowPart, RowValues};
use common::span::Span;
use common::value::{AttrValue, Attribute};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// About what one row takes here.
const ROW_BYTES: usize = 24;

/// Hashes of rows, with how often there is such a row.
type Rows = HashMap<u64, u32>;

/// The rows of one scope that were handed on by nodes that failed since; shared by those that replace them.
#[derive(Clone, Default)]
pub(super) struct Delivered(Arc<Mutex<Rows>>);

impl Delivered {
    /// Takes out of `part` what was handed on before.
    pub(super) fn leave_out(&self, part: &mut RowPart) {
        let mut known = self.0.lock();
        if known.is_empty() {
            return;
        }
        let keep: Vec<bool> = hashes(part).into_iter().map(|hash| !take(&mut known, hash)).collect();
        drop(known);
        retain(part, &keep);
    }

    /// Adds what a node that failed has handed on.
    pub(super) fn add(&self, ledger: &Ledger) {
        let mut known = self.0.lock();
        for (hash, count) in &ledger.rows {
            *known.entry(*hash).or_default() += count;
        }
    }
}

fn take(known: &mut Rows, hash: u64) -> bool {
    let Some(count) = known.get_mut(&hash) else {
        return false;
    };
    *count -= 1;
    if *count == 0 {
        known.remove(&hash);
    }
    true
}

/// The rows that one node has sent and that are handed on, now or before.
pub(super) struct Ledger {
    rows: Rows,
    context: QueryContext,
    reserved: Vec<Reserved>,
}

impl Ledger {
    pub(super) fn new(context: &QueryContext) -> Self {
        Self {
            rows: Rows::new(),
            context: context.clone(),
            reserved: Vec::new(),
        }
    }

    /// Adds the rows of a part; `false` if the query's memory does not allow it.
    pub(super) fn add(&mut self, part: &RowPart) -> bool {
        let Ok(reserved) = Reserved::new(&self.context, part.len() * ROW_BYTES, "remembering rows") else {
            return false;
        };
        self.reserved.push(reserved);
        for hash in hashes(part) {
            *self.rows.entry(hash).or_default() += 1;
        }
        true
    }
}

/// A hash for each row.
fn hashes(part: &RowPart) -> Vec<u64> {
    match part {
        RowPart::Spans(spans) => spans.iter().map(of_span).collect(),
        RowPart::Columns(rows) => (0..rows.len).map(|row| of_columns(rows, row)).collect(),
    }
}

/// By identity: the order of attributes may differ between replicas.
fn of_span(span: &Span) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&span.trace_id.0);
    hash.update(&span.span_id.0);
    hash.update(&span.start.0.to_le_bytes());
    hash.update(&span.end.0.to_le_bytes());
    hash.update(&span.kind.0.to_le_bytes());
    hash.update(span.name.as_bytes());
    hash.digest()
}

fn of_columns(rows: &ColumnRows, row: usize) -> u64 {
    let mut hash = Xxh3::new();
    for column in &rows.columns {
        match column {
            RowValues::Dict { values, codes } => {
                let code = codes.get(row).copied().flatten();
                match code.and_then(|code| values.get(code as usize)) {
                    Some(text) => tagged(&mut hash, 1, text.as_bytes()),
                    None => hash.update(&[0]),
                }
            }
            RowValues::Values(values) => match values.get(row) {
                Some(Some(found)) => value(&mut hash, found),
                _ => hash.update(&[0]),
            },
        }
    }
    hash.digest()
}

fn tagged(hash: &mut Xxh3, tag: u8, bytes: &[u8]) {
    hash.update(&[tag]);
    hash.update(&(bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

fn value(hash: &mut Xxh3, value_: &AttrValue) {
    match value_ {
        AttrValue::Str(text) => tagged(hash, 1, text.as_bytes()),
        AttrValue::Bool(flag) => hash.update(&[2, u8::from(*flag)]),
        AttrValue::Int(number) => tagged(hash, 3, &number.to_le_bytes()),
        AttrValue::Double(number) => tagged(hash, 4, &number.to_bits().to_le_bytes()),
        AttrValue::Bytes(bytes) => tagged(hash, 5, bytes),
        AttrValue::Array(values) => {
            tagged(hash, 6, &values.len().to_le_bytes());
            values.iter().for_each(|inner| value(hash, inner));
        }
        AttrValue::Map(entries) => attributes(hash, entries),
        AttrValue::Empty => hash.update(&[8]),
    }
}

fn attributes(hash: &mut Xxh3, attributes: &[Attribute]) {
    tagged(hash, 7, &attributes.len().to_le_bytes());
    for attribute in attributes {
        tagged(hash, 1, attribute.key.as_bytes());
        value(hash, &attribute.value);
    }
}

fn retain(part: &mut RowPart, keep: &[bool]) {
    match part {
        RowPart::Spans(spans) => only(spans, keep),
        RowPart::Columns(rows) => {
            rows.len = keep.iter().filter(|keep| **keep).count();
            for column in &mut rows.columns {
                match column {
                    RowValues::Dict { codes, .. } => only(codes, keep),
                    RowValues::Values(values) => only(values, keep),
                }
            }
        }
    }
}

fn only<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    items.retain(|_| keep.next().copied().unwrap_or(false));
}
