//! Spans as far as calls are concerned: ids and services.

use crate::engine::batch::{SpanBatch, read_resource};
use crate::engine::block::BlockRows;
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, RowSet, RowSource, Values};
use crate::engine::store::HeadBatch;
use crate::leaf::query::Query;
use common::ids::{SpanId, TraceId};
use common::query::{Column, SpanField};
use common::value::AttrValue;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallSpan {
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    /// To be named by [`Spans::name`]
    pub(super) service: u32,
    /// Whether its call counts: it matches the filter and lies in the time range
    pub(super) counts: bool,
    /// What tells it apart from another span with its id: start, kind, and a hash of the name. Only of heads, since a
    /// block repeats no span
    identity: (u64, i32, u64),
}

/// Spans of one source, those of a trace side by side and by start.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) spans: Vec<CallSpan>,
    /// The row of the first, where there is a span for every row from there on
    first_row: u32,
    services: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Spans {
    /// The name of a service; empty where the resource names none.
    pub(super) fn name(&self, service: u32) -> Arc<str> {
        self.services.get(service as usize).cloned().unwrap_or_default()
    }

    /// The number of a service by its name.
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let (name, number): (Arc<str>, u32) = (name.into(), self.services.len() as u32);
        self.services.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// The spans of a trace.
    pub(super) fn of_trace(&self, trace: TraceId) -> &[CallSpan] {
        let first = self.spans.partition_point(|span| span.trace < trace);
        let rest = self.spans.get(first..).unwrap_or_default();
        let count = rest.iter().take_while(|span| span.trace == trace).count();
        rest.get(..count).unwrap_or_default()
    }

    /// The spans of some rows of a block.
    pub(super) fn of_rows_within(&self, rows: Range<u32>) -> &[CallSpan] {
        let place = |row: u32| row.saturating_sub(self.first_row) as usize;
        self.spans.get(place(rows.start)..place(rows.end)).unwrap_or_default()
    }

    /// Adds the spans of a head batch.
    pub(super) fn add_head(&mut self, query: &Query, head: &HeadBatch) -> Result<(), StorageError> {
        let mut rows = query.head_rows(head)?;
        let counting = query.filter.select(&mut rows, query.tenant(), &[query.range()])?;
        query.count_rows(&rows);
        let batch: &SpanBatch = &head.batch;
        let mut services = Vec::with_capacity(batch.resources.len());
        for resource in &batch.resources {
            services.push(self.number(read_resource(resource)?.service_name().unwrap_or_default()));
        }
        self.spans.extend((0..).zip(&batch.rows).map(|(row, r)| CallSpan {
            trace: r.trace_id,
            id: r.span_id,
            parent: Some(r.parent).filter(|id| !id.is_zero()),
            service: services.get(r.resource as usize).copied().unwrap_or_default(),
            counts: counting.as_ref().is_some_and(|rows| rows.contains(row)),
            identity: (r.start, r.kind, xxhash_rust::xxh3::xxh3_64(batch.bytes(r.name))),
        }));
        Ok(())
    }

    /// Brings the spans of all head batches together by trace, each once.
    pub(super) fn finish_heads(&mut self) {
        self.spans
            .sort_by_key(|span| (span.trace, span.identity.0, span.id, span.identity));
        self.spans.dedup_by(|repeat, span| {
            let same = (repeat.trace, repeat.id, repeat.identity) == (span.trace, span.id, span.identity);
            span.counts |= same && repeat.counts;
            same
        });
    }

    /// The spans of a block, where any of them counts.
    pub(super) fn of_block(query: &Query, rows: &mut BlockRows<'_>) -> Result<Self, StorageError> {
        let counting = query.filter.select(rows, query.tenant(), &[query.range()])?;
        let Some(counting) = counting.filter(|rows| !rows.is_empty()) else {
            return Ok(Self::default());
        };
        query.count_block();
        query.count_rows(rows);
        let mut want = RowSet::of_range(rows.rows(), rows.tenant_rows(query.tenant()));
        if let Some(within) = rows.within() {
            want.intersect(within);
        }
        let mut all = Self::of_rows(rows, &want)?;
        for (row, span) in (all.first_row..).zip(&mut all.spans) {
            span.counts = counting.contains(row);
        }
        if let Some(Loaded {
            rows: at,
            values: Values::TraceIds(ids),
        }) = rows.load(&Column::Field(SpanField::TraceId), &want)?
        {
            all.set(at.row_numbers(ids.len()).zip(ids), |span, id| span.trace = id);
        }
        if let Some(Loaded {
            rows: at,
            values: Values::SpanIds(ids),
        }) = rows.load(&Column::Field(SpanField::ParentSpanId), &want)?
        {
            all.set(at.row_numbers(ids.len()).zip(ids), |span, id| span.parent = Some(id));
        }
        Ok(all)
    }

    /// Span ids and services of the wanted rows, with blanks for the rows between.
    pub(super) fn of_rows(rows: &mut BlockRows<'_>, want: &RowSet) -> Result<Self, StorageError> {
        let mut all = Self::default();
        let nameless = all.number("");
        let (first, last) = (want.iter().next(), want.iter().last());
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(all);
        };
        all.first_row = first;
        all.spans = vec![
            CallSpan {
                service: nameless,
                ..CallSpan::default()
            };
            (last - first) as usize + 1
        ];
        if let Some(Loaded {
            rows: at,
            values: Values::SpanIds(ids),
        }) = rows.load(&Column::Field(SpanField::SpanId), want)?
        {
            all.set(at.row_numbers(ids.len()).zip(ids), |span, id| span.id = id);
        }
        if let Some(loaded) = rows.load(&Column::service(), want)? {
            all.set_services(loaded);
        }
        Ok(all)
    }

    fn set<T>(&mut self, values: impl Iterator<Item = (u32, T)>, set: impl Fn(&mut CallSpan, T)) {
        for (row, value) in values {
            let place = row.checked_sub(self.first_row);
            if let Some(span) = place.and_then(|place| self.spans.get_mut(place as usize)) {
                set(span, value);
            }
        }
    }

    /// Services are texts; any other value names none.
    fn set_services(&mut self, loaded: Loaded) {
        let Loaded { rows: at, values } = loaded;
        let numbers: Vec<u32> = match values {
            Values::Const {
                value: AttrValue::Str(name),
                count,
            } => vec![self.number(&name); count],
            Values::Dict { dict, codes } => {
                let names: Vec<u32> = dict
                    .iter()
                    .map(|name| self.number(std::str::from_utf8(name).unwrap_or_default()))
                    .collect();
                codes
                    .iter()
                    .map(|code| names.get(code as usize).copied().unwrap_or_default())
                    .collect()
            }
            Values::Text(texts) => texts
                .iter()
                .map(|name| self.number(std::str::from_utf8(name).unwrap_or_default()))
                .collect(),
            Values::Mixed(values) => values
                .iter()
                .map(|value| self.number(value.as_str().unwrap_or_default()))
                .collect(),
            _ => return,
        };
        self.set(at.row_numbers(numbers.len()).zip(numbers), |span, service| {
            span.service = service
        });
    }
}
