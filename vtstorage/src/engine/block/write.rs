//! Batches into blocks: the work of a flush and of a merge.

use super::columns::{ColumnBuilder, Streams};
use super::dictionary::Dictionary;
use super::header::{
    BlockColumns, BlockHeader, EventColumns, Field, HASH_PARTS, SpanColumns, TenantRows, TraceColumns,
};
use super::order::{self, BlockRows, RowRef, row_of};
use super::table::{ColumnMap, TableBuilder};
use super::trace::{Minutes, Parents, TraceRow, fetch_cells};
use super::{BlockOptions, CatalogueEntry, EncodedBlock};
use crate::engine::batch::{CellKind, Origin, SpanBatch, SpanRow, read_resource, read_scope};
use crate::engine::codec::IntKind;
use crate::engine::codec::ints::IntUse;
use crate::engine::error::StorageError;
use common::ids::TenantId;
use common::span::{SERVICE_NAME, duration_nanos};
use common::value::{Attribute, find, find_path};
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Encodes batches as blocks: one or more for each day and epoch. Repeated spans (same identity) are kept once.
pub fn encode(batches: &[Arc<SpanBatch>], options: &BlockOptions) -> Result<Vec<EncodedBlock>, StorageError> {
    order::blocks(batches, options)
        .iter()
        .map(|rows| encode_block(batches, rows, options))
        .collect()
}

fn encode_block(
    batches: &[Arc<SpanBatch>],
    rows: &BlockRows,
    options: &BlockOptions,
) -> Result<EncodedBlock, StorageError> {
    let mut writer = Writer::new(batches, options);
    for (tenant, rows) in &rows.tenants {
        writer.tenant(*tenant, rows);
    }
    writer.finish(rows)
}

/// The fields that every span, event or trace has, as columns.
#[derive(Default)]
struct Intrinsics {
    span_id: Vec<u8>,
    parent: Vec<u64>,
    start: Vec<u64>,
    duration: Vec<u64>,
    kind: Vec<u64>,
    status: Vec<u64>,
    resource: Vec<u64>,
    scope: Vec<u64>,
    event_time: Vec<u64>,
    trace_id: Vec<u8>,
    rows_end: Vec<u64>,
    trace_start: Vec<u64>,
    extent: Vec<u64>,
}

/// Distinct origins and the number each batch's origins have in the block.
struct Origins<'a> {
    distinct: Vec<&'a Origin>,
    by_bytes: HashMap<&'a [u8], u32>,
    of_batch: Vec<Vec<Option<u32>>>,
}

impl<'a> Origins<'a> {
    fn new(batches: &'a [Arc<SpanBatch>], list: impl Fn(&'a SpanBatch) -> &'a [Origin]) -> Self {
        let of_batch = batches.iter().map(|b| vec![None; list(b).len()]).collect();
        Self {
            distinct: Vec::new(),
            by_bytes: HashMap::new(),
            of_batch,
        }
    }

    #[inline]
    fn number(&mut self, batch: u32, origin: u32, list: &'a [Origin]) -> u64 {
        let known = self
            .of_batch
            .get_mut(batch as usize)
            .and_then(|b| b.get_mut(origin as usize));
        let (Some(known), Some(bytes)) = (known, list.get(origin as usize)) else {
            return 0;
        };
        let distinct = &mut self.distinct;
        let number = *known.get_or_insert_with(|| {
            *self.by_bytes.entry(bytes).or_insert_with(|| {
                distinct.push(bytes);
                distinct.len() as u32 - 1
            })
        });
        u64::from(number)
    }
}

/// One block under construction.
struct Writer<'a> {
    batches: &'a [Arc<SpanBatch>],
    intrinsics: Intrinsics,
    names: ColumnBuilder<'a>,
    spans: TableBuilder<'a>,
    event_names: ColumnBuilder<'a>,
    events: TableBuilder<'a>,
    links: TableBuilder<'a>,
    /// Of each batch the maps of its span, event and link columns
    maps: Vec<[ColumnMap; 3]>,
    resources: Origins<'a>,
    scopes: Origins<'a>,
    tenants: Vec<TenantRows>,
    traces: Vec<(TenantId, u64)>,
    min_start: u64,
    max_start: u64,
    max_end: u64,
    max_duration: u64,
    links_end: u64,
    events_end: u64,
}

impl<'a> Writer<'a> {
    fn new(batches: &'a [Arc<SpanBatch>], options: &BlockOptions) -> Self {
        let maps = |b: &Arc<SpanBatch>| [&b.spans, &b.event_cells, &b.link_cells].map(ColumnMap::of);
        Self {
            batches,
            intrinsics: Intrinsics::default(),
            names: ColumnBuilder::new(Field::Attr(String::new())),
            spans: TableBuilder::new(options.max_columns),
            event_names: ColumnBuilder::new(Field::Attr(String::new())),
            events: TableBuilder::new(options.max_columns),
            links: TableBuilder::new(options.max_columns),
            maps: batches.iter().map(maps).collect(),
            resources: Origins::new(batches, |b| &b.resources),
            scopes: Origins::new(batches, |b| &b.scopes),
            tenants: Vec::new(),
            traces: Vec::new(),
            min_start: u64::MAX,
            max_start: 0,
            max_end: 0,
            max_duration: 0,
            links_end: 0,
            events_end: 0,
        }
    }

    fn rows(&self) -> u32 {
        self.intrinsics.parent.len() as u32
    }

    fn tenant(&mut self, tenant: TenantId, rows: &[RowRef]) {
        let (first_row, first_trace) = (self.rows(), self.traces.len() as u32);
        let mut parts = vec![(0u32, 0u32); HASH_PARTS];
        let mut minutes = Minutes::default();
        let is_same_trace = |a: &RowRef, b: &RowRef| {
            let id = |at| row_of(self.batches, at).map(|(_, row)| row.trace_id);
            id(*a) == id(*b)
        };
        for trace in rows.chunk_by(is_same_trace).collect::<Vec<_>>() {
            self.trace(tenant, trace);
            let hash = self.traces.last().map_or(0, |t| t.1);
            if let Some(part) = parts.get_mut((hash >> 58) as usize) {
                part.0 += trace.len() as u32;
                part.1 += 1;
            }
            for at in trace {
                minutes.add(at.start);
            }
        }
        let mut before = (0, 0);
        for part in &mut parts {
            let here = *part;
            *part = before;
            before = (before.0 + here.0, before.1 + here.1);
        }
        self.tenants.push(TenantRows {
            tenant: tenant.0,
            first_row,
            rows: self.rows() - first_row,
            first_trace,
            traces: self.traces.len() as u32 - first_trace,
            hash_parts: parts,
            minutes: minutes.finish(),
        });
    }

    fn trace(&mut self, tenant: TenantId, trace: &[RowRef]) {
        let batches = self.batches;
        let rows: Vec<TraceRow<'a>> = trace
            .iter()
            .filter_map(|at| row_of(batches, *at).map(|(batch, row)| (at.batch, batch, at.row as usize, row)))
            .collect();
        let Some((_, _, _, first)) = rows.first() else { return };
        let parents = Parents::new(&rows);
        fetch_cells(&rows);
        let start = first.start;
        let end = rows.iter().map(|r| r.3.end).max().unwrap_or(start);
        for (batch_number, batch, row_number, row) in &rows {
            self.span(*batch_number, batch, *row_number, row, start, &parents);
        }
        self.traces.push((tenant, first.hash));
        let i = &mut self.intrinsics;
        i.trace_id.extend_from_slice(&first.trace_id.0);
        i.rows_end.push(i.parent.len() as u64);
        i.trace_start.push(start);
        i.extent.push(end.saturating_sub(start));
        self.min_start = self.min_start.min(start);
        self.max_end = self.max_end.max(end);
    }

    fn span(
        &mut self,
        number: u32,
        batch: &'a SpanBatch,
        row: usize,
        span: &'a SpanRow,
        start: u64,
        parents: &Parents,
    ) {
        let i = &mut self.intrinsics;
        i.span_id.extend_from_slice(&span.span_id.0);
        i.start.push(span.start - start);
        i.duration.push(span.end.wrapping_sub(span.start));
        i.kind.push(i64::from(span.kind).cast_unsigned());
        i.status.push(i64::from(span.status).cast_unsigned());
        i.resource
            .push(self.resources.number(number, span.resource, &batch.resources));
        i.scope.push(self.scopes.number(number, span.scope, &batch.scopes));
        let parent = parents.place(span.parent);
        i.parent.push(parent.map_or(0, |place| u64::from(place) + 1));
        self.max_start = self.max_start.max(span.start);
        self.max_duration = self.max_duration.max(duration_nanos(span.start, span.end));
        self.names.push(CellKind::Str, 0, batch.bytes(span.name));
        let Some([spans, events, links]) = self.maps.get_mut(number as usize) else {
            return;
        };
        self.spans.cells(batch, &batch.spans, spans, batch.row_cells(row));
        if parent.is_none() && !span.parent.is_zero() {
            self.spans
                .push_field(Field::OuterParent, CellKind::Bytes, 0, &span.parent.0);
        }
        for event in batch.row_events(row) {
            let Some(fields) = batch.events.get(event) else {
                continue;
            };
            self.event_names.push(CellKind::Str, 0, batch.bytes(fields.name));
            self.intrinsics.event_time.push(fields.time.wrapping_sub(span.start));
            self.events
                .cells(batch, &batch.event_cells, events, batch.event_cells(event));
            self.events.end_row();
            self.events_end += 1;
        }
        if !batch.row_events(row).is_empty() {
            self.spans
                .push_field(Field::EventsEnd, CellKind::Int, self.events_end, &[]);
        }
        for link in batch.row_links(row) {
            let Some(fields) = batch.links.get(link) else { continue };
            self.links
                .cells(batch, &batch.link_cells, links, batch.link_cells(link));
            if fields.trace_id != span.trace_id {
                self.links
                    .push_field(Field::LinkTrace, CellKind::Bytes, 0, &fields.trace_id.0);
            }
            if fields.span_id != span.parent {
                self.links
                    .push_field(Field::LinkSpan, CellKind::Bytes, 0, &fields.span_id.0);
            }
            self.links.end_row();
            self.links_end += 1;
        }
        if !batch.row_links(row).is_empty() {
            self.spans
                .push_field(Field::LinksEnd, CellKind::Int, self.links_end, &[]);
        }
        self.spans.end_row();
    }

    fn finish(self, block: &BlockRows) -> Result<EncodedBlock, StorageError> {
        let mut streams = Streams::new()?;
        let (rows, traces) = (self.rows(), self.traces.len() as u32);
        let services = services(&self.resources.distinct)?;
        let names = self.names.encode(&mut streams)?;
        let catalogue = catalogue(
            &self.intrinsics,
            &self.tenants,
            &services,
            names.dictionary.as_ref(),
            self.batches,
            block,
        );
        let min_start = if rows == 0 { 0 } else { self.min_start };
        let services_are_texts = self.resources.distinct.iter().all(|origin| has_plain_service(origin));
        let mut distinct_services = services.clone();
        distinct_services.sort_unstable();
        distinct_services.dedup();
        let place = |name: &String| distinct_services.binary_search(name).unwrap_or_default() as u32;
        let resource_services = services.iter().map(place).collect();
        let resource_keys = keys(&self.resources.distinct, |origin| Ok(read_resource(origin)?.attributes))?;
        let scope_keys = keys(&self.scopes.distinct, |origin| Ok(read_scope(origin)?.attributes))?;
        let columns = BlockColumns {
            trace: trace_columns(&self.intrinsics, min_start, &mut streams)?,
            span: span_columns(&self.intrinsics, names.meta, &mut streams)?,
            spans: self.spans.encode(&mut streams)?,
            event: EventColumns {
                name: self.event_names.encode(&mut streams)?.meta,
                time: streams.ints(IntKind::Signed, IntUse::Numbers, &self.intrinsics.event_time)?,
            },
            events: self.events.encode(&mut streams)?,
            links: self.links.encode(&mut streams)?,
            resources: streams.texts(&self.resources.distinct)?,
            scopes: streams.texts(&self.scopes.distinct)?,
        };
        let header = BlockHeader {
            rows,
            traces,
            epoch: block.epoch,
            min_start,
            max_start: self.max_start,
            max_end: self.max_end,
            tenants: self.tenants,
            max_duration: self.max_duration,
            services: distinct_services,
            resource_services,
            services_are_texts,
            resource_keys,
            scope_keys,
            columns,
            bytes: streams.chunks.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
        };
        Ok(EncodedBlock {
            day: block.day,
            header,
            chunks: streams.chunks,
            traces: self.traces,
            catalogue,
        })
    }
}

fn services(resources: &[&Origin]) -> Result<Vec<String>, StorageError> {
    let name = |origin: &&Origin| Ok(read_resource(origin)?.service_name().unwrap_or_default().to_owned());
    resources.iter().map(name).collect()
}

/// So many keys of resources or scopes are listed in a header.
const MAX_KEYS: usize = 256;

/// The attribute keys of resources or scopes, ascending; `None` if there are too many to list.
fn keys(
    origins: &[&Origin],
    attributes: impl Fn(&[u8]) -> Result<Vec<Attribute>, StorageError>,
) -> Result<Option<Vec<String>>, StorageError> {
    let mut keys = BTreeSet::new();
    for origin in origins {
        keys.extend(attributes(origin)?.into_iter().map(|attribute| attribute.key));
        if keys.len() > MAX_KEYS {
            return Ok(None);
        }
    }
    Ok(Some(keys.into_iter().map(|key| key.to_string()).collect()))
}

/// Whether the resource's `service.name` is a text with content, or missing, also inside of maps.
fn has_plain_service(origin: &Origin) -> bool {
    let Ok(resource) = read_resource(origin) else {
        return true;
    };
    match find(&resource.attributes, SERVICE_NAME) {
        Some(name) => name.as_str().is_some_and(|name| !name.is_empty()),
        None => find_path(&resource.attributes, SERVICE_NAME).is_none(),
    }
}

fn trace_columns(i: &Intrinsics, min_start: u64, streams: &mut Streams) -> Result<TraceColumns, StorageError> {
    let starts: Vec<u64> = i.trace_start.iter().map(|start| start - min_start).collect();
    Ok(TraceColumns {
        trace_id: streams.fixed(16, &i.trace_id),
        rows_end: streams.ints(IntKind::Unsigned, IntUse::Numbers, &i.rows_end)?,
        start: streams.ints(IntKind::Unsigned, IntUse::Numbers, &starts)?,
        extent: streams.ints(IntKind::Unsigned, IntUse::Numbers, &i.extent)?,
    })
}

fn span_columns(
    i: &Intrinsics,
    name: super::header::ColumnMeta,
    streams: &mut Streams,
) -> Result<SpanColumns, StorageError> {
    Ok(SpanColumns {
        span_id: streams.fixed(8, &i.span_id),
        parent: streams.ints(IntKind::Unsigned, IntUse::Numbers, &i.parent)?,
        start: streams.ints(IntKind::Unsigned, IntUse::Numbers, &i.start)?,
        duration: streams.ints(IntKind::Signed, IntUse::Numbers, &i.duration)?,
        kind: streams.ints(IntKind::Signed, IntUse::Codes, &i.kind)?,
        status: streams.ints(IntKind::Signed, IntUse::Codes, &i.status)?,
        resource: streams.ints(IntKind::Unsigned, IntUse::Codes, &i.resource)?,
        scope: streams.ints(IntKind::Unsigned, IntUse::Codes, &i.scope)?,
        name,
    })
}

/// Each (tenant, service, span name, kind) once, with the time it was seen.
fn catalogue(
    i: &Intrinsics,
    tenants: &[TenantRows],
    services: &[String],
    names: Option<&Dictionary<'_>>,
    batches: &[Arc<SpanBatch>],
    block: &BlockRows,
) -> Vec<CatalogueEntry> {
    let mut out = Vec::new();
    let mut rows = i.resource.iter().zip(&i.kind).enumerate();
    for (tenant, refs) in tenants.iter().zip(block.tenants.iter().map(|(_, refs)| refs)) {
        let mut seen: HashMap<(&str, &[u8], u64), (u64, u64)> = HashMap::new();
        let mut by_code: HashMap<(u64, u64, u64), (u64, u64)> = HashMap::new();
        for (at, (row, (resource, kind))) in refs.iter().zip(rows.by_ref()) {
            let Some((batch, span)) = row_of(batches, *at) else {
                continue;
            };
            let code = names.and_then(|names| names.codes.get(row));
            let times = match code {
                Some(code) => by_code.entry((*resource, *code, *kind)),
                None => {
                    let service = services.get(*resource as usize).map_or("", |s| s);
                    widen(
                        seen.entry((service, batch.bytes(span.name), *kind))
                            .or_insert((u64::MAX, 0)),
                        span.start,
                    );
                    continue;
                }
            };
            widen(times.or_insert((u64::MAX, 0)), span.start);
        }
        for ((resource, code, kind), (first, last)) in by_code {
            let service = services.get(resource as usize).map_or("", |s| s);
            let name = names
                .and_then(|names| names.texts.get(code as usize))
                .copied()
                .unwrap_or_default();
            let times = seen.entry((service, name, kind)).or_insert((u64::MAX, 0));
            widen(times, first);
            widen(times, last);
        }
        out.extend(
            seen.into_iter()
                .map(|((service, name, kind), (first_seen, last_seen))| CatalogueEntry {
                    tenant: TenantId(tenant.tenant),
                    service: service.to_owned(),
                    name: String::from_utf8_lossy(name).into_owned(),
                    kind: kind.cast_signed() as i32,
                    first_seen,
                    last_seen,
                }),
        );
    }
    out.sort_unstable();
    out
}

fn widen(times: &mut (u64, u64), start: u64) {
    *times = (times.0.min(start), times.1.max(start));
}
