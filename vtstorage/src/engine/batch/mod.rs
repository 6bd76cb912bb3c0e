//! Spans row by row: what one request brought, or what was read back from a block. Texts are places in the batch's
//! arena. Everything of one span lies together, so that appending is cheap and sorting moves row numbers only; columns are made when a block is.

mod arena;
mod cell;
mod concat;
mod decode;
mod export;
mod gather;
mod intern;
mod keyed;
mod level;
mod nested;
mod sent;
mod source;
mod spans;

pub(in crate::engine) use arena::same;
pub use cell::{Cell, CellKind, Scalar, Text};
pub use level::DecodeLimits;
pub use sent::RowWriter;
pub use source::BatchRows;
pub use spans::{SpanReader, read_resource, read_scope, text_value};

use bytes::Bytes;
use common::ids::{Epoch, SpanId, TenantId, TraceId};

/// What a cell of a row holds: an attribute, or an intrinsic field that most rows lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CellColumn {
    /// The attribute with this key
    Attr(Text),
    /// Attributes that got no column of their own (too many columns, or a key that repeats within its span), as the
    /// bytes of a `KeyValueList`
    Spill,
    StatusMessage,
    TraceState,
    Flags,
    DroppedAttributes,
    DroppedEvents,
    DroppedLinks,
}

/// The cells of many rows, and what their columns mean.
#[derive(Clone, Debug, Default)]
pub struct CellTable {
    pub columns: Vec<CellColumn>,
    pub cells: Vec<Cell>,
}

/// The fields that every span has, and where its cells, events and links end (they begin where the previous row's end).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpanRow {
    pub trace_id: TraceId,
    /// [`TraceId::hash`]
    pub hash: u64,
    pub span_id: SpanId,
    /// Zeros for a root
    pub parent: SpanId,
    pub start: u64,
    pub end: u64,
    pub kind: i32,
    pub status: i32,
    pub name: Text,
    pub resource: u32,
    pub scope: u32,
    pub cells_end: u32,
    pub events_end: u32,
    pub links_end: u32,
}

/// One event of a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventRow {
    pub time: u64,
    pub name: Text,
    pub cells_end: u32,
}

/// One link of a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkRow {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub cells_end: u32,
}

/// A resource or a scope with its schema URL, as the bytes of a `ResourceSpans` or `ScopeSpans` message without
/// spans: equal bytes are the same origin.
pub type Origin = Bytes;

/// Spans of one tenant, written under one epoch.
#[derive(Clone, Debug, Default)]
pub struct SpanBatch {
    pub tenant: TenantId,
    pub epoch: Epoch,
    /// The texts of cells and rows
    pub(crate) arena: Vec<u8>,
    pub rows: Vec<SpanRow>,
    pub spans: CellTable,
    pub events: Vec<EventRow>,
    pub event_cells: CellTable,
    pub links: Vec<LinkRow>,
    pub link_cells: CellTable,
    pub resources: Vec<Origin>,
    pub scopes: Vec<Origin>,
}

impl SpanBatch {
    /// The bytes of `text`.
    #[inline]
    pub fn bytes(&self, text: Text) -> &[u8] {
        self.arena
            .get(text.at as usize..text.at as usize + text.len as usize)
            .unwrap_or_default()
    }

    /// `text` as UTF-8: all texts were checked when they came in.
    pub fn text(&self, text: Text) -> &str {
        std::str::from_utf8(self.bytes(text)).unwrap_or_default()
    }

    /// The cells of a span.
    #[inline]
    pub fn row_cells(&self, row: usize) -> &[Cell] {
        let start = row
            .checked_sub(1)
            .and_then(|r| self.rows.get(r))
            .map_or(0, |r| r.cells_end);
        let end = self.rows.get(row).map_or(0, |r| r.cells_end);
        self.spans.cells.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Which of `events` belong to a span.
    pub fn row_events(&self, row: usize) -> std::ops::Range<usize> {
        let start = row
            .checked_sub(1)
            .and_then(|r| self.rows.get(r))
            .map_or(0, |r| r.events_end);
        start as usize..self.rows.get(row).map_or(0, |r| r.events_end) as usize
    }

    /// Which of `links` belong to a span.
    pub fn row_links(&self, row: usize) -> std::ops::Range<usize> {
        let start = row
            .checked_sub(1)
            .and_then(|r| self.rows.get(r))
            .map_or(0, |r| r.links_end);
        start as usize..self.rows.get(row).map_or(0, |r| r.links_end) as usize
    }

    /// The cells of an event.
    pub fn event_cells(&self, event: usize) -> &[Cell] {
        let start = event
            .checked_sub(1)
            .and_then(|e| self.events.get(e))
            .map_or(0, |e| e.cells_end);
        let end = self.events.get(event).map_or(0, |e| e.cells_end);
        self.event_cells
            .cells
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// The cells of a link.
    pub fn link_cells(&self, link: usize) -> &[Cell] {
        let start = link
            .checked_sub(1)
            .and_then(|l| self.links.get(l))
            .map_or(0, |l| l.cells_end);
        let end = self.links.get(link).map_or(0, |l| l.cells_end);
        self.link_cells
            .cells
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// About how much memory the batch holds.
    pub fn memory_bytes(&self) -> usize {
        let cells = self.spans.cells.len() + self.event_cells.cells.len() + self.link_cells.cells.len();
        self.arena.len()
            + self.rows.len() * size_of::<SpanRow>()
            + self.events.len() * size_of::<EventRow>()
            + self.links.len() * size_of::<LinkRow>()
            + cells * size_of::<Cell>()
            + self
                .resources
                .iter()
                .chain(&self.scopes)
                .map(|o| o.len() + 32)
                .sum::<usize>()
            + size_of::<Self>()
    }

    /// Earliest and latest span start in nanoseconds; `(u64::MAX, 0)` without rows.
    pub fn start_range(&self) -> (u64, u64) {
        self.rows.iter().fold((u64::MAX, 0), |(min, max), row| {
            (min.min(row.start), max.max(row.start))
        })
    }
}
