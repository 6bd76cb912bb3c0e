//! OTLP protobuf into a batch: the hot path of ingestion. One walk over the bytes; of texts, what differs from the text
//! before it in its column is copied.

use super::arena::Arena;
use super::intern::Interner;
use super::{Cell, CellColumn, CellKind, CellTable, EventRow, LinkRow, Scalar, SpanBatch, SpanRow, Text};
use crate::engine::error::StorageError;
use bytes::Bytes;
use common::ids::{Epoch, TenantId};
use common::otlp::decode::{span_id, trace_id};
use common::otlp::view::{
    AttrView, EventView, GroupView, LinkView, MAX_VALUE_DEPTH, OriginView, SpanLists, SpanView, ValueView,
    resource_spans,
};
use common::otlp::wire::WireError;

/// What a batch may hold.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// Attribute columns per level; further keys go to the spill column.
    pub max_columns: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_columns: 1_024 }
    }
}

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

/// The columns and cells of one level.
struct Level<'a> {
    interner: Interner<'a>,
    cells: Vec<Cell>,
    /// For each column the last row that has it, which finds keys that repeat within a row, and its last text
    last: Vec<(u32, Text)>,
}

impl<'a> Level<'a> {
    fn new() -> Self {
        Self {
            interner: Interner::new(),
            cells: Vec::new(),
            last: Vec::new(),
        }
    }

    /// Adds an attribute to `row`; false if the row has one in that column.
    #[inline]
    fn attribute(&mut self, column: u16, row: u32, value: ValueView<'_>, arena: &mut Arena) -> Result<bool, WireError> {
        let place = usize::from(column);
        if place >= self.last.len() {
            self.last.resize(place + 1, (u32::MAX, Text::default()));
        }
        let Some((last_row, last_text)) = self.last.get_mut(place) else {
            return Ok(false);
        };
        if std::mem::replace(last_row, row) == row {
            return Ok(false);
        }
        let value = scalar(value, last_text, arena)?;
        self.cells.push(Cell::new(column, value));
        Ok(true)
    }

    fn field(&mut self, field: CellColumn, value: Scalar) {
        let column = self.interner.field(field);
        self.cells.push(Cell::new(column, value));
    }

    fn count(&mut self, field: CellColumn, count: u32) {
        if count != 0 {
            self.field(field, Scalar::Int(i64::from(count)));
        }
    }

    fn end(&self) -> u32 {
        self.cells.len() as u32
    }

    fn into_table(mut self) -> CellTable {
        self.cells.shrink_to_fit();
        CellTable {
            columns: self.interner.into_columns(),
            cells: self.cells,
        }
    }
}

struct Decoder<'a> {
    arena: Arena,
    limits: DecodeLimits,
    batch: SpanBatch,
    spans: Level<'a>,
    events: Level<'a>,
    links: Level<'a>,
    lists: SpanLists<'a>,
    attrs: Vec<AttrView<'a>>,
    spill: Vec<AttrView<'a>>,
}

impl<'a> Decoder<'a> {
    fn new(otlp: &'a [u8], limits: DecodeLimits) -> Self {
        // Guesses that hold for usual spans of some 500 bytes; what is too much is given back in the end.
        let mut spans = Level::new();
        spans.cells.reserve(otlp.len() / 32);
        let mut batch = SpanBatch::default();
        batch.rows.reserve(otlp.len() / 512);
        Self {
            arena: Arena::with_capacity(otlp.len() / 3),
            limits,
            batch,
            spans,
            events: Level::new(),
            links: Level::new(),
            lists: SpanLists::default(),
            attrs: Vec::new(),
            spill: Vec::new(),
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
        let mut lists = std::mem::take(&mut self.lists);
        let span = SpanView::read(message, &mut lists)?;
        let row = self.batch.rows.len() as u32;
        attributes(
            &mut self.spans,
            &mut self.arena,
            &mut self.spill,
            row,
            self.limits,
            &lists.attributes,
        )?;
        self.sparse_fields(&span);
        for event in &lists.events {
            self.event(event)?;
        }
        for link in &lists.links {
            self.link(link)?;
        }
        let id = trace_id(span.trace_id);
        let last_name = self.batch.rows.last().map_or(Text::default(), |row| row.name);
        self.batch.rows.push(SpanRow {
            trace_id: id,
            hash: id.hash(),
            span_id: span_id(span.span_id),
            parent: span_id(span.parent_span_id),
            start: span.start,
            end: span.end,
            kind: span.kind,
            status: span.status_code,
            name: self.arena.add_like(last_name, span.name.as_bytes()),
            resource,
            scope,
            cells_end: self.spans.end(),
            events_end: self.batch.events.len() as u32,
            links_end: self.batch.links.len() as u32,
        });
        self.lists = lists;
        Ok(())
    }

    fn sparse_fields(&mut self, span: &SpanView<'a>) {
        let spans = &mut self.spans;
        if !span.status_message.is_empty() {
            let text = self.arena.add(span.status_message.as_bytes());
            spans.field(CellColumn::StatusMessage, Scalar::Text(CellKind::Str, text));
        }
        if !span.trace_state.is_empty() {
            let text = self.arena.add(span.trace_state.as_bytes());
            spans.field(CellColumn::TraceState, Scalar::Text(CellKind::Str, text));
        }
        spans.count(CellColumn::Flags, span.flags);
        spans.count(CellColumn::DroppedAttributes, span.dropped_attributes_count);
        spans.count(CellColumn::DroppedEvents, span.dropped_events_count);
        spans.count(CellColumn::DroppedLinks, span.dropped_links_count);
    }

    fn event(&mut self, message: &'a [u8]) -> Result<(), StorageError> {
        let event = EventView::read(message, &mut self.attrs)?;
        let row = self.batch.events.len() as u32;
        attributes(
            &mut self.events,
            &mut self.arena,
            &mut self.spill,
            row,
            self.limits,
            &self.attrs,
        )?;
        self.events
            .count(CellColumn::DroppedAttributes, event.dropped_attributes_count);
        let last_name = self.batch.events.last().map_or(Text::default(), |event| event.name);
        let name = self.arena.add_like(last_name, event.name.as_bytes());
        self.batch.events.push(EventRow {
            time: event.time,
            name,
            cells_end: self.events.end(),
        });
        Ok(())
    }

    fn link(&mut self, message: &'a [u8]) -> Result<(), StorageError> {
        let link = LinkView::read(message, &mut self.attrs)?;
        let row = self.batch.links.len() as u32;
        attributes(
            &mut self.links,
            &mut self.arena,
            &mut self.spill,
            row,
            self.limits,
            &self.attrs,
        )?;
        if !link.trace_state.is_empty() {
            let text = self.arena.add(link.trace_state.as_bytes());
            self.links
                .field(CellColumn::TraceState, Scalar::Text(CellKind::Str, text));
        }
        self.links.count(CellColumn::Flags, link.flags);
        self.links
            .count(CellColumn::DroppedAttributes, link.dropped_attributes_count);
        self.batch.links.push(LinkRow {
            trace_id: trace_id(link.trace_id),
            span_id: span_id(link.span_id),
            cells_end: self.links.end(),
        });
        Ok(())
    }
}

/// Adds the attributes of one row to `level`.
fn attributes<'a>(
    level: &mut Level<'a>,
    arena: &mut Arena,
    spill: &mut Vec<AttrView<'a>>,
    row: u32,
    limits: DecodeLimits,
    attrs: &[AttrView<'a>],
) -> Result<(), WireError> {
    level.interner.begin_row();
    for attr in attrs {
        let column = level
            .interner
            .attr(attr.key, limits.max_columns, || arena.add(attr.key.as_bytes()));
        let added = match column {
            Some(column) => level.attribute(column, row, attr.value, arena)?,
            None => false,
        };
        if !added {
            attr.value.check(MAX_VALUE_DEPTH)?;
            spill.push(*attr);
        }
    }
    if !spill.is_empty() {
        let text = arena.add_with(|out| {
            spill
                .drain(..)
                .for_each(|attr| super::spans::write_attribute(&attr, out))
        });
        level.field(CellColumn::Spill, Scalar::Text(CellKind::Map, text));
    }
    Ok(())
}

/// A value, its text put into the arena unless it is the one at `last`.
#[inline]
fn scalar(value: ValueView<'_>, last: &mut Text, arena: &mut Arena) -> Result<Scalar, WireError> {
    let (kind, bytes) = match value {
        ValueView::Empty => return Ok(Scalar::Empty),
        ValueView::Bool(b) => return Ok(Scalar::Bool(b)),
        ValueView::Int(i) => return Ok(Scalar::Int(i)),
        ValueView::Double(d) => return Ok(Scalar::Double(d)),
        ValueView::Str(s) => (CellKind::Str, s.as_bytes()),
        ValueView::Bytes(b) => (CellKind::Bytes, b),
        ValueView::Array(list) => (CellKind::Array, list),
        ValueView::Map(list) => (CellKind::Map, list),
    };
    value.check(MAX_VALUE_DEPTH)?;
    *last = arena.add_like(*last, bytes);
    Ok(Scalar::Text(kind, *last))
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
