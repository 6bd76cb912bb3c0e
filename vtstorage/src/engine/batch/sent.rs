//! Rows of a batch as spans that are sent to other nodes, written without making owned spans.

use super::{Cell, CellColumn, CellKind, CellTable, SpanBatch, SpanRow};
use crate::engine::error::StorageError;
use common::otlp::view::ValueView;
use common::wire::{SentSpan, TracesWriter};
use hashbrown::HashMap;

/// Writes rows of one batch; what they share has one number each in the answer.
pub struct RowWriter<'b> {
    batch: &'b SpanBatch,
    resources: Vec<Option<u32>>,
    scopes: Vec<Option<u32>>,
    /// Of spans, events and links: the numbers of lists of keys by the columns that they are
    keys: [HashMap<Vec<u16>, u64>; 3],
    /// Saves allocations
    columns: Vec<u16>,
}

/// A table of cells.
#[derive(Clone, Copy)]
enum Level {
    Span,
    Event,
    Link,
}

/// The intrinsic fields that cells hold.
#[derive(Default)]
struct Fields<'b> {
    status_message: &'b str,
    trace_state: &'b str,
    flags: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

impl<'b> RowWriter<'b> {
    pub fn new(batch: &'b SpanBatch) -> Self {
        Self {
            batch,
            resources: vec![None; batch.resources.len()],
            scopes: vec![None; batch.scopes.len()],
            keys: Default::default(),
            columns: Vec::new(),
        }
    }

    /// Appends the span of a row to the trace that was begun last.
    ///
    /// # Errors
    /// Where the batch has no such row, or the row refers to what is not there.
    pub fn span(&mut self, row: usize, out: &mut TracesWriter<'b>) -> Result<(), StorageError> {
        let batch = self.batch;
        let known = batch.rows.get(row);
        let r = known.ok_or_else(|| StorageError::corrupt("batch", "no such row"))?;
        let cells = batch.row_cells(row);
        let fields = self.fields(Level::Span, cells)?;
        let (events, links) = (batch.row_events(row), batch.row_links(row));
        let span = SentSpan {
            span_id: r.span_id,
            parent: Some(r.parent).filter(|id| !id.is_zero()),
            name: batch.text(r.name),
            kind: r.kind,
            start: r.start,
            end: r.end,
            resource: self.resource(r, out)?,
            scope: self.scope(r, out)?,
            trace_state: fields.trace_state,
            status: r.status,
            status_message: fields.status_message,
            counts: [
                fields.flags,
                fields.dropped_attributes,
                fields.dropped_events,
                fields.dropped_links,
            ],
            events: events.len(),
            links: links.len(),
        };
        out.begin(&span);
        self.attributes(Level::Span, cells, out);
        out.rest(&span);
        out.list(span.events);
        events
            .into_iter()
            .try_for_each(|event| self.event(event, r.start, out))?;
        out.list(span.links);
        links.into_iter().try_for_each(|link| self.link(link, out))
    }

    fn event(&mut self, event: usize, start: u64, out: &mut TracesWriter<'b>) -> Result<(), StorageError> {
        let batch = self.batch;
        let known = batch.events.get(event);
        let e = known.ok_or_else(|| StorageError::corrupt("batch", "no such event"))?;
        let cells = batch.event_cells(event);
        let fields = self.fields(Level::Event, cells)?;
        out.event(start, e.time, batch.text(e.name), fields.dropped_attributes);
        self.attributes(Level::Event, cells, out);
        Ok(())
    }

    fn link(&mut self, link: usize, out: &mut TracesWriter<'b>) -> Result<(), StorageError> {
        let batch = self.batch;
        let known = batch.links.get(link);
        let l = known.ok_or_else(|| StorageError::corrupt("batch", "no such link"))?;
        let cells = batch.link_cells(link);
        let fields = self.fields(Level::Link, cells)?;
        let (flags, dropped) = (fields.flags, fields.dropped_attributes);
        out.link(l.trace_id, l.span_id, fields.trace_state, flags, dropped);
        self.attributes(Level::Link, cells, out);
        Ok(())
    }

    fn table(&self, level: Level) -> &'b CellTable {
        match level {
            Level::Span => &self.batch.spans,
            Level::Event => &self.batch.event_cells,
            Level::Link => &self.batch.link_cells,
        }
    }

    /// What cells hold beside attributes; notes the columns of these.
    fn fields(&mut self, level: Level, cells: &'b [Cell]) -> Result<Fields<'b>, StorageError> {
        let (batch, table) = (self.batch, self.table(level));
        let mut fields = Fields::default();
        self.columns.clear();
        for cell in cells {
            match table.columns.get(usize::from(cell.column)) {
                Some(column) if is_attribute(column, cell) => self.columns.push(cell.column),
                Some(CellColumn::Attr(_) | CellColumn::Spill) => {}
                Some(CellColumn::StatusMessage) => fields.status_message = batch.text(cell.text()),
                Some(CellColumn::TraceState) => fields.trace_state = batch.text(cell.text()),
                Some(CellColumn::Flags) => fields.flags = low32(cell),
                Some(CellColumn::DroppedAttributes) => fields.dropped_attributes = low32(cell),
                Some(CellColumn::DroppedEvents) => fields.dropped_events = low32(cell),
                Some(CellColumn::DroppedLinks) => fields.dropped_links = low32(cell),
                None => return Err(StorageError::corrupt("batch", "no such column")),
            }
        }
        Ok(fields)
    }

    /// The attributes among cells whose columns were noted just before.
    fn attributes(&mut self, level: Level, cells: &'b [Cell], out: &mut TracesWriter<'b>) {
        let (batch, table) = (self.batch, self.table(level));
        let Some(lists) = self.keys.get_mut(level as usize) else {
            return;
        };
        let keys = match lists.get(self.columns.as_slice()) {
            Some(keys) => *keys,
            None => {
                let key = |column: &u16| match table.columns.get(usize::from(*column)) {
                    Some(CellColumn::Attr(key)) => Some(batch.text(*key)),
                    _ => None,
                };
                let keys = out.keys(self.columns.iter().map(key));
                lists.insert(self.columns.clone(), keys);
                keys
            }
        };
        let is_written = |cell: &&Cell| {
            let column = table.columns.get(usize::from(cell.column));
            column.is_some_and(|column| is_attribute(column, cell))
        };
        out.attributes(keys, cells.iter().filter(is_written).map(|cell| batch.view(cell)));
    }

    fn resource(&mut self, row: &SpanRow, out: &mut TracesWriter<'b>) -> Result<u32, StorageError> {
        let place = row.resource as usize;
        match (self.resources.get_mut(place), self.batch.resources.get(place)) {
            (Some(known), Some(origin)) => Ok(*known.get_or_insert_with(|| out.resource(origin))),
            _ => Err(StorageError::corrupt("batch", "no such resource")),
        }
    }

    fn scope(&mut self, row: &SpanRow, out: &mut TracesWriter<'b>) -> Result<u32, StorageError> {
        let place = row.scope as usize;
        match (self.scopes.get_mut(place), self.batch.scopes.get(place)) {
            (Some(known), Some(origin)) => Ok(*known.get_or_insert_with(|| out.scope(origin))),
            _ => Err(StorageError::corrupt("batch", "no such scope")),
        }
    }
}

/// Whether a cell is an attribute, or several.
fn is_attribute(column: &CellColumn, cell: &Cell) -> bool {
    match column {
        CellColumn::Attr(_) => true,
        CellColumn::Spill => cell.kind == CellKind::Map,
        _ => false,
    }
}

pub(super) fn low32(cell: &Cell) -> u32 {
    (cell.bits() & 0xffff_ffff) as u32
}

impl SpanBatch {
    /// The value of a cell, as it lies here.
    pub(in crate::engine) fn view(&self, cell: &Cell) -> ValueView<'_> {
        match cell.kind {
            CellKind::Empty => ValueView::Empty,
            CellKind::Bool => ValueView::Bool(cell.bits() != 0),
            CellKind::Int => ValueView::Int(cell.bits().cast_signed()),
            CellKind::Double => ValueView::Double(f64::from_bits(cell.bits())),
            CellKind::Str => ValueView::Str(self.text(cell.text())),
            CellKind::Bytes => ValueView::Bytes(self.bytes(cell.text())),
            CellKind::Array => ValueView::Array(self.bytes(cell.text())),
            CellKind::Map => ValueView::Map(self.bytes(cell.text())),
        }
    }
}
