//! OTLP protobuf into a batch: the hot path of ingestion. One walk over the bytes; of texts, what was not seen lately in
//! its column is checked and copied.

use super::arena::{Arena, Recent};
use super::level::{DecodeLimits, Level};
use super::{CellColumn, EventRow, LinkRow, SpanBatch, SpanRow};
use crate::engine::error::StorageError;
use bytes::Bytes;
use common::ids::{Epoch, TenantId};
use common::otlp::decode::{span_id, trace_id};
use common::otlp::glance;
use common::otlp::view::{GroupView, MAX_VALUE_DEPTH, OriginView, resource_spans};
use common::otlp::wire::{Field, Fields, WireError};

impl SpanBatch {
    /// Decodes an `ExportTraceServiceRequest`, all of it: what decodes now can be read for ever.
    pub fn decode(
        tenant: TenantId,
        epoch: Epoch,
        otlp: impl AsRef<[u8]>,
        limits: DecodeLimits,
    ) -> Result<Self, StorageError> {
        let otlp = otlp.as_ref();
        if u32::try_from(otlp.len()).is_err() {
            return Err(StorageError::corrupt("otlp message", "larger than 4 GiB"));
        }
        let mut decoder = Decoder::new(otlp, limits);
        for group in resource_spans(otlp)? {
            decoder.resource_spans(group)?;
        }
        let mut batch = decoder.finish();
        (batch.tenant, batch.epoch) = (tenant, epoch);
        Ok(batch)
    }
}

/// How many of the last scopes a new one is compared with.
const RECENT_SCOPES: usize = 32;

/// The scalar fields of a span, as they stand on the wire.
#[derive(Default)]
struct SpanFields<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent: &'a [u8],
    trace_state: &'a [u8],
    name: &'a [u8],
    status_message: &'a [u8],
    start: u64,
    end: u64,
    kind: i32,
    status_code: i32,
    flags: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

impl<'a> SpanFields<'a> {
    #[inline(always)]
    fn take(&mut self, field: &Field<'a>) -> Result<(), WireError> {
        match field.number {
            1 => self.trace_id = field.bytes()?,
            2 => self.span_id = field.bytes()?,
            3 => replace_text(&mut self.trace_state, field)?,
            4 => self.parent = field.bytes()?,
            5 => replace_text(&mut self.name, field)?,
            6 => self.kind = field.low32()?.cast_signed(),
            7 => self.start = field.fixed64()?,
            8 => self.end = field.fixed64()?,
            10 => self.dropped_attributes = field.low32()?,
            12 => self.dropped_events = field.low32()?,
            14 => self.dropped_links = field.low32()?,
            15 => self.status(field.bytes()?)?,
            16 => self.flags = field.fixed32()?,
            _ => {}
        }
        Ok(())
    }

    fn status(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                2 => replace_text(&mut self.status_message, &field)?,
                3 => self.status_code = field.low32()?.cast_signed(),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Sets a text that is checked when it is used; the one it replaces, which is not used, is checked here.
#[inline]
fn replace_text<'a>(text: &mut &'a [u8], field: &Field<'a>) -> Result<(), WireError> {
    let before = std::mem::replace(text, field.bytes()?);
    if before.is_empty() || glance::is_text(before) {
        Ok(())
    } else {
        Err(WireError::NotUtf8(field.number))
    }
}

struct Decoder<'a> {
    arena: Arena,
    limits: DecodeLimits,
    batch: SpanBatch,
    spans: Level<'a>,
    events: Level<'a>,
    links: Level<'a>,
    span_names: Recent,
    event_names: Recent,
}

impl<'a> Decoder<'a> {
    fn new(otlp: &'a [u8], limits: DecodeLimits) -> Self {
        // Guesses that hold for usual spans of some 500 bytes; what is too much is given back in the end.
        let mut spans = Level::new();
        spans.reserve(otlp.len() / 32);
        let mut batch = SpanBatch::default();
        batch.rows.reserve(otlp.len() / 512);
        Self {
            arena: Arena::with_capacity(otlp.len() / 3),
            limits,
            batch,
            spans,
            events: Level::new(),
            links: Level::new(),
            span_names: Recent::default(),
            event_names: Recent::default(),
        }
    }

    /// The batch, without room to grow: it will lie in memory for minutes.
    fn finish(mut self) -> SpanBatch {
        self.batch.rows.shrink_to_fit();
        self.batch.events.shrink_to_fit();
        self.batch.links.shrink_to_fit();
        SpanBatch {
            spans: self.spans.into_table(),
            event_cells: self.events.into_table(),
            link_cells: self.links.into_table(),
            arena: self.arena.finish(),
            ..self.batch
        }
    }

    fn resource_spans(&mut self, message: &'a [u8]) -> Result<(), StorageError> {
        let group = GroupView::read(message)?;
        let resource = self.batch.resources.len() as u32;
        self.batch.resources.push(origin(&group, false)?);
        for scope in &group.items {
            self.scope_spans(scope, resource)?;
        }
        Ok(())
    }

    fn scope_spans(&mut self, message: &'a [u8], resource: u32) -> Result<(), StorageError> {
        let group = GroupView::read(message)?;
        let origin = origin(&group, true)?;
        let recent = self.batch.scopes.len().saturating_sub(RECENT_SCOPES);
        let known = self
            .batch
            .scopes
            .iter()
            .skip(recent)
            .position(|known| *known == origin)
            .map(|i| recent + i);
        let scope = known.unwrap_or(self.batch.scopes.len()) as u32;
        if known.is_none() {
            self.batch.scopes.push(origin);
        }
        self.batch.rows.reserve(group.items.len());
        for span in &group.items {
            self.span(span, resource, scope)?;
        }
        Ok(())
    }

    fn span(&mut self, message: &'a [u8], resource: u32, scope: u32) -> Result<(), StorageError> {
        let row = self.batch.rows.len() as u32;
        let mut span = SpanFields::default();
        self.spans.begin_row();
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                9 => self
                    .spans
                    .attribute(row, field.bytes()?, self.limits, &mut self.arena)?,
                11 => self.event(field.bytes()?)?,
                13 => self.link(field.bytes()?)?,
                _ => span.take(&field)?,
            }
        }
        self.sparse_fields(&span)?;
        let id = trace_id(span.trace_id);
        self.batch.rows.push(SpanRow {
            trace_id: id,
            hash: id.hash(),
            span_id: span_id(span.span_id),
            parent: span_id(span.parent),
            start: span.start,
            end: span.end,
            kind: span.kind,
            status: span.status_code,
            name: self.arena.add_recent(&mut self.span_names, span.name)?,
            resource,
            scope,
            cells_end: self.spans.end(),
            events_end: self.batch.events.len() as u32,
            links_end: self.batch.links.len() as u32,
        });
        Ok(())
    }

    #[inline]
    fn sparse_fields(&mut self, span: &SpanFields<'a>) -> Result<(), WireError> {
        let (spans, arena) = (&mut self.spans, &mut self.arena);
        spans.end_attributes(arena)?;
        spans.text_field(CellColumn::StatusMessage, span.status_message, arena)?;
        spans.text_field(CellColumn::TraceState, span.trace_state, arena)?;
        spans.count(CellColumn::Flags, span.flags);
        spans.count(CellColumn::DroppedAttributes, span.dropped_attributes);
        spans.count(CellColumn::DroppedEvents, span.dropped_events);
        spans.count(CellColumn::DroppedLinks, span.dropped_links);
        Ok(())
    }

    fn event(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        let row = self.batch.events.len() as u32;
        let (mut time, mut name, mut dropped) = (0, [].as_slice(), 0);
        let (events, arena) = (&mut self.events, &mut self.arena);
        events.begin_row();
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => time = field.fixed64()?,
                2 => replace_text(&mut name, &field)?,
                3 => events.attribute(row, field.bytes()?, self.limits, arena)?,
                4 => dropped = field.low32()?,
                _ => {}
            }
        }
        events.end_attributes(arena)?;
        events.count(CellColumn::DroppedAttributes, dropped);
        self.batch.events.push(EventRow {
            time,
            name: arena.add_recent(&mut self.event_names, name)?,
            cells_end: events.end(),
        });
        Ok(())
    }

    fn link(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        let row = self.batch.links.len() as u32;
        let [mut trace, mut span, mut trace_state] = [[].as_slice(); 3];
        let (mut dropped, mut flags) = (0, 0);
        let (links, arena) = (&mut self.links, &mut self.arena);
        links.begin_row();
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => trace = field.bytes()?,
                2 => span = field.bytes()?,
                3 => replace_text(&mut trace_state, &field)?,
                4 => links.attribute(row, field.bytes()?, self.limits, arena)?,
                5 => dropped = field.low32()?,
                6 => flags = field.fixed32()?,
                _ => {}
            }
        }
        links.end_attributes(arena)?;
        links.text_field(CellColumn::TraceState, trace_state, arena)?;
        links.count(CellColumn::Flags, flags);
        links.count(CellColumn::DroppedAttributes, dropped);
        self.batch.links.push(LinkRow {
            trace_id: trace_id(trace),
            span_id: span_id(span),
            cells_end: links.end(),
        });
        Ok(())
    }
}

/// The group without its items: the resource or scope and the schema URL. Both are read, so that neither can fail later.
fn origin(group: &GroupView<'_>, is_scope: bool) -> Result<Bytes, WireError> {
    let mut message =
        Vec::with_capacity(group.origin.iter().map(|o| o.len() + 4).sum::<usize>() + group.schema_url.len() + 4);
    let mut view = OriginView::default();
    for part in &group.origin {
        if is_scope {
            view.read_scope(part)?
        } else {
            view.read_resource(part)?
        }
        super::spans::write_bytes(1, part, &mut message);
    }
    if !group.schema_url.is_empty() {
        super::spans::write_bytes(3, group.schema_url.as_bytes(), &mut message);
    }
    view.attributes
        .iter()
        .try_for_each(|attr| attr.value.check(MAX_VALUE_DEPTH))?;
    Ok(message.into())
}
