//! Rows of a block back into a batch: for whole traces and for merging.

use super::Block;
use super::header::{ColumnData, ColumnMeta, Field, TableMeta};
use super::nested;
use super::pages::Pages;
use super::prefetch;
use crate::engine::batch::{
    Cell, CellColumn, CellKind, CellTable, EventRow, LinkRow, Origin, Scalar, SpanBatch, SpanRow, Text,
};
use crate::engine::codec::PAGE_VALUES;
use crate::engine::error::StorageError;
use common::ids::{SpanId, TenantId, TraceId};
use std::collections::BTreeSet;
use std::ops::Range;

/// Reads the rows of `ranges` (ascending, of one tenant) into a batch, in that order.
pub(super) fn read_rows(
    block: &Block,
    pages: &mut Pages<'_>,
    ranges: &[Range<u32>],
) -> Result<SpanBatch, StorageError> {
    let mut reader = Materializer::new(block, pages)?;
    for range in ranges {
        reader.rows(range.clone())?;
    }
    reader.finish(ranges)
}

struct Materializer<'p, 'b> {
    block: &'p Block,
    pages: &'p mut Pages<'b>,
    arena: Vec<u8>,
    batch: SpanBatch,
}

/// Values of one column for a run of rows, and how many were taken.
#[derive(Default)]
struct Run {
    values: Vec<Scalar>,
    taken: usize,
}

impl Run {
    fn take(&mut self) -> Option<Scalar> {
        self.taken += 1;
        self.values.get(self.taken - 1).copied()
    }
}

/// What a row's cells say beyond attributes and sparse fields.
#[derive(Default)]
struct Places {
    outer_parent: Option<SpanId>,
    events: Option<Range<u32>>,
    links: Option<Range<u32>>,
    link_trace: Option<TraceId>,
    link_span: Option<SpanId>,
}

impl<'p, 'b> Materializer<'p, 'b> {
    fn new(block: &'p Block, pages: &'p mut Pages<'b>) -> Result<Self, StorageError> {
        let mut reader = Self {
            block,
            pages,
            arena: Vec::new(),
            batch: SpanBatch::default(),
        };
        let columns = &block.header.columns;
        reader.batch.spans.columns = reader.columns(&columns.spans);
        reader.batch.event_cells.columns = reader.columns(&columns.events);
        reader.batch.link_cells.columns = reader.columns(&columns.links);
        reader
            .batch
            .resources
            .resize(columns.resources.count as usize, Origin::new());
        reader.batch.scopes.resize(columns.scopes.count as usize, Origin::new());
        Ok(reader)
    }

    fn columns(&mut self, table: &TableMeta) -> Vec<CellColumn> {
        let columns = table.columns.iter().map(|column| match &column.field {
            Field::Attr(key) => CellColumn::Attr(append(&mut self.arena, key.as_bytes())),
            Field::StatusMessage => CellColumn::StatusMessage,
            Field::TraceState => CellColumn::TraceState,
            Field::Flags => CellColumn::Flags,
            Field::DroppedAttributes => CellColumn::DroppedAttributes,
            Field::DroppedEvents => CellColumn::DroppedEvents,
            Field::DroppedLinks => CellColumn::DroppedLinks,
            // The others never become cells.
            _ => CellColumn::Spill,
        });
        columns.collect()
    }

    /// Reads the resources and scopes that the rows refer to; the others stay empty.
    fn origins(&mut self) -> Result<(), StorageError> {
        let columns = &self.block.header.columns;
        let (resources, scopes) = (
            self.batch.rows.iter().map(|r| r.resource),
            self.batch.rows.iter().map(|r| r.scope),
        );
        let streams = [
            (
                &columns.resources,
                resources.collect::<BTreeSet<_>>(),
                &mut self.batch.resources,
            ),
            (&columns.scopes, scopes.collect(), &mut self.batch.scopes),
        ];
        for (stream, wanted, list) in streams {
            prefetch::texts(self.pages, stream, wanted.iter().copied())?;
            for number in wanted {
                let place = list
                    .get_mut(number as usize)
                    .ok_or_else(|| StorageError::corrupt("block", "no such origin"))?;
                self.pages.each_text(stream, number..number + 1, |origin| {
                    *place = Origin::copy_from_slice(origin)
                })?;
            }
        }
        Ok(())
    }

    fn finish(mut self, ranges: &[Range<u32>]) -> Result<SpanBatch, StorageError> {
        self.origins()?;
        if u32::try_from(self.arena.len()).is_err() {
            return Err(StorageError::corrupt(
                "rows of a block",
                "more than 4 GiB of text at once",
            ));
        }
        let first = ranges.first().map_or(0, |range| range.start);
        let tenant = self.block.header.tenants.iter().rfind(|t| t.first_row <= first);
        self.batch.tenant = TenantId(tenant.map_or(0, |t| t.tenant));
        self.batch.epoch = self.block.header.epoch;
        self.batch.arena = self.arena;
        Ok(self.batch)
    }

    /// Appends the spans of `rows`.
    fn rows(&mut self, rows: Range<u32>) -> Result<(), StorageError> {
        let header = &self.block.header;
        let span = &header.columns.span;
        prefetch::spans(self.pages, header, &rows)?;
        let mut ints = |stream| {
            let mut out = Vec::with_capacity(rows.len());
            self.pages.ints(stream, rows.clone(), &mut out).map(|()| out)
        };
        let (starts, durations) = (ints(&span.start)?, ints(&span.duration)?);
        let (kinds, statuses) = (ints(&span.kind)?, ints(&span.status)?);
        let (resources, scopes, parents) = (ints(&span.resource)?, ints(&span.scope)?, ints(&span.parent)?);
        let traces = nested::traces_of(self.block, self.pages, rows.clone())?;
        let first_row = traces.first().map_or(rows.start, |t| t.rows.start);
        let ids = self
            .pages
            .fixed(&span.span_id, first_row..traces.last().map_or(rows.end, |t| t.rows.end))?;
        let span_id = |row: u32| span_id_at(&ids, row.wrapping_sub(first_row));
        let names = self.values(&span.name, rows.clone())?;
        let places = self.table(&header.columns.spans, Level::Span, rows.clone())?;
        let mut trace = traces.iter().peekable();
        let number = |list: &[u64], i: usize| list.get(i).copied().unwrap_or_default();
        for (i, (row, (places, cells_end))) in rows.zip(places).enumerate() {
            while trace.peek().is_some_and(|t| t.rows.end <= row) {
                trace.next();
            }
            let Some(trace) = trace.peek() else {
                return Err(StorageError::corrupt("block", "a row without a trace"));
            };
            let start = trace.start.wrapping_add(number(&starts, i));
            let parent = match number(&parents, i) {
                0 => places.outer_parent.unwrap_or_default(),
                place => span_id(trace.rows.start.wrapping_add((place - 1) as u32)),
            };
            if let Some(events) = places.events {
                self.events(events, start)?;
            }
            if let Some(links) = places.links {
                self.links(links, trace.id, parent)?;
            }
            self.batch.rows.push(SpanRow {
                trace_id: trace.id,
                hash: trace.id.hash(),
                span_id: span_id(row),
                parent,
                start,
                end: start.wrapping_add(number(&durations, i)),
                kind: number(&kinds, i) as i32,
                status: number(&statuses, i) as i32,
                name: names.get(i).map_or(Text::default(), text_of),
                resource: number(&resources, i) as u32,
                scope: number(&scopes, i) as u32,
                cells_end,
                events_end: self.batch.events.len() as u32,
                links_end: self.batch.links.len() as u32,
            });
        }
        Ok(())
    }

    fn events(&mut self, events: Range<u32>, start: u64) -> Result<(), StorageError> {
        let block = self.block;
        let event = &block.header.columns.event;
        let mut times = Vec::new();
        self.pages.ints(&event.time, events.clone(), &mut times)?;
        let names = self.values(&event.name, events.clone())?;
        let places = self.table(&block.header.columns.events, Level::Event, events)?;
        for ((time, name), (_, cells_end)) in times.iter().zip(names).zip(places) {
            let name = text_of(&name);
            self.batch.events.push(EventRow {
                time: start.wrapping_add(*time),
                name,
                cells_end,
            });
        }
        Ok(())
    }

    fn links(&mut self, links: Range<u32>, trace: TraceId, parent: SpanId) -> Result<(), StorageError> {
        let block = self.block;
        for (places, cells_end) in self.table(&block.header.columns.links, Level::Link, links)? {
            self.batch.links.push(LinkRow {
                trace_id: places.link_trace.unwrap_or(trace),
                span_id: places.link_span.unwrap_or(parent),
                cells_end,
            });
        }
        Ok(())
    }

    /// Appends the cells of `rows` to the batch; for each row what else they say, and where its cells end.
    fn table(&mut self, table: &TableMeta, level: Level, rows: Range<u32>) -> Result<Vec<(Places, u32)>, StorageError> {
        let layout = self.pages.layout(table)?;
        let page = rows.start as usize / PAGE_VALUES;
        let page_start = (page * PAGE_VALUES) as u32;
        let mut codes = Vec::with_capacity((rows.end - page_start) as usize);
        self.pages.ints(&table.shapes, page_start..rows.end, &mut codes)?;
        let (before, codes) = codes.split_at(((rows.start - page_start) as usize).min(codes.len()));
        let counts = ColumnCounts::new(table.columns.len(), &layout, before, codes);
        let mut runs: Vec<Run> = Vec::new();
        runs.resize_with(table.columns.len(), Run::default);
        let needed = |number: usize| {
            let (before, here) = counts.of(number);
            (here > 0).then(|| (number, layout.rank(number as u16, page) + before, here))
        };
        let needed = (0..table.columns.len()).filter_map(needed).collect::<Vec<_>>();
        prefetch::columns(self.pages, table, &needed)?;
        for (number, first, here) in needed {
            if let (Some(run), Some(column)) = (runs.get_mut(number), table.columns.get(number)) {
                *run = self.run(column, first, here)?;
            }
        }
        let mut out = Vec::with_capacity(codes.len());
        for code in codes {
            let mut places = Places::default();
            for column in layout.shape(*code) {
                let run = runs.get_mut(usize::from(*column));
                let meta = table.columns.get(usize::from(*column));
                let (Some(run), Some(meta)) = (run, meta) else {
                    return Err(StorageError::corrupt("block", "a shape names no column"));
                };
                if matches!(meta.field, Field::EventsEnd | Field::LinksEnd) && run.taken == 0 {
                    run.taken = 1;
                }
                let before = run.taken.checked_sub(1).and_then(|i| run.values.get(i)).copied();
                let value = run
                    .take()
                    .ok_or_else(|| StorageError::corrupt("block", "a column is too short"))?;
                if !self.place(&meta.field, value, before, &mut places) {
                    self.cells(level).cells.push(Cell::new(*column, value));
                }
            }
            out.push((places, self.cells(level).cells.len() as u32));
        }
        Ok(out)
    }

    /// The values `first..first + count` of a column; running ends have the one before them in front.
    fn run(&mut self, column: &ColumnMeta, first: u32, count: u32) -> Result<Run, StorageError> {
        let values = match column.field {
            Field::EventsEnd | Field::LinksEnd if first == 0 => {
                let mut values = vec![Scalar::Int(0)];
                values.extend(self.values(column, 0..count)?);
                values
            }
            Field::EventsEnd | Field::LinksEnd => self.values(column, first - 1..first + count)?,
            _ => self.values(column, first..first + count)?,
        };
        Ok(Run { values, taken: 0 })
    }

    /// Notes a value that is no cell; false if it is one.
    fn place(&self, field: &Field, value: Scalar, before: Option<Scalar>, places: &mut Places) -> bool {
        let bytes = |value: Scalar| match value {
            Scalar::Text(_, text) => self
                .arena
                .get(text.at as usize..(text.at + text.len) as usize)
                .unwrap_or_default(),
            _ => &[],
        };
        let span_id = |value| bytes(value).first_chunk::<8>().map(|id| SpanId(*id));
        match field {
            Field::OuterParent => places.outer_parent = span_id(value),
            Field::LinkSpan => places.link_span = span_id(value),
            Field::LinkTrace => places.link_trace = bytes(value).first_chunk::<16>().map(|id| TraceId(*id)),
            Field::EventsEnd => places.events = Some(number(before)..number(Some(value))),
            Field::LinksEnd => places.links = Some(number(before)..number(Some(value))),
            _ => return false,
        }
        true
    }

    fn cells(&mut self, level: Level) -> &mut CellTable {
        match level {
            Level::Span => &mut self.batch.spans,
            Level::Event => &mut self.batch.event_cells,
            Level::Link => &mut self.batch.link_cells,
        }
    }

    /// Values of a column; texts go to the arena.
    fn values(&mut self, column: &ColumnMeta, range: Range<u32>) -> Result<Vec<Scalar>, StorageError> {
        let arena = &mut self.arena;
        let mut out = Vec::with_capacity(range.len());
        let kind = column.kind;
        match &column.data {
            ColumnData::Empty => out.resize(range.len(), Scalar::Empty),
            ColumnData::Numbers(stream) => {
                let mut bits = Vec::with_capacity(range.len());
                self.pages.ints(stream, range, &mut bits)?;
                out.extend(bits.iter().map(|bits| scalar_of(kind.unwrap_or(CellKind::Int), *bits)));
            }
            ColumnData::Texts(stream) => match kind {
                Some(kind) => {
                    self.pages
                        .each_text(stream, range, |text| out.push(Scalar::Text(kind, append(arena, text))))?;
                }
                None => self
                    .pages
                    .each_text(stream, range, |value| out.push(mixed(value, arena)))?,
            },
            ColumnData::Dict { dict, codes } => {
                let kind = kind.unwrap_or(CellKind::Str);
                let mut places: Vec<u64> = Vec::with_capacity(range.len());
                self.pages.ints(codes, range, &mut places)?;
                let mut last: Option<(u64, Text)> = None;
                for code in places {
                    let text = match last {
                        Some((known, text)) if known == code => text,
                        _ => {
                            let mut text = Text::default();
                            let code = code as u32;
                            self.pages
                                .each_text(dict, code..code + 1, |bytes| text = append(arena, bytes))?;
                            text
                        }
                    };
                    last = Some((code, text));
                    out.push(Scalar::Text(kind, text));
                }
            }
            ColumnData::Fixed(stream) => {
                let ids = self.pages.fixed(stream, range)?;
                let ids = ids.chunks(usize::from(stream.width.max(1)));
                out.extend(ids.map(|id| Scalar::Text(CellKind::Bytes, append(arena, id))));
            }
        }
        Ok(out)
    }
}

#[derive(Clone, Copy)]
enum Level {
    Span,
    Event,
    Link,
}

/// For each column, how many values it has in the rows of a page before a range, and in the range.
struct ColumnCounts(Vec<(u32, u32)>);

impl ColumnCounts {
    fn new(columns: usize, layout: &super::layout::Layout, before: &[u64], here: &[u64]) -> Self {
        let mut rows = vec![(0u32, 0u32); layout.shapes.len()];
        before
            .iter()
            .for_each(|code| rows.iter_mut().skip(*code as usize).take(1).for_each(|r| r.0 += 1));
        here.iter()
            .for_each(|code| rows.iter_mut().skip(*code as usize).take(1).for_each(|r| r.1 += 1));
        let mut counts = vec![(0u32, 0u32); columns];
        for (shape, rows) in layout.shapes.iter().zip(&rows).filter(|(_, rows)| **rows != (0, 0)) {
            for column in shape {
                if let Some(count) = counts.get_mut(usize::from(*column)) {
                    *count = (count.0 + rows.0, count.1 + rows.1);
                }
            }
        }
        Self(counts)
    }

    fn of(&self, column: usize) -> (u32, u32) {
        self.0.get(column).copied().unwrap_or_default()
    }
}

fn append(arena: &mut Vec<u8>, text: &[u8]) -> Text {
    let at = arena.len() as u32;
    arena.extend_from_slice(text);
    Text {
        at,
        len: text.len() as u32,
    }
}

fn text_of(value: &Scalar) -> Text {
    match value {
        Scalar::Text(_, text) => *text,
        _ => Text::default(),
    }
}

fn number(value: Option<Scalar>) -> u32 {
    match value {
        Some(Scalar::Int(i)) => i as u32,
        _ => 0,
    }
}

fn span_id_at(ids: &[u8], place: u32) -> SpanId {
    let at = place as usize * 8;
    ids.get(at..)
        .and_then(|ids| ids.first_chunk::<8>())
        .map(|id| SpanId(*id))
        .unwrap_or_default()
}

fn scalar_of(kind: CellKind, bits: u64) -> Scalar {
    match kind {
        CellKind::Bool => Scalar::Bool(bits != 0),
        CellKind::Double => Scalar::Double(f64::from_bits(bits)),
        _ => Scalar::Int(bits.cast_signed()),
    }
}

/// A value of a column of mixed types: see [`ColumnMeta::kind`].
fn mixed(value: &[u8], arena: &mut Vec<u8>) -> Scalar {
    let Some((kind, body)) = value.split_first() else {
        return Scalar::Empty;
    };
    match CellKind::from_number(*kind) {
        None | Some(CellKind::Empty) => Scalar::Empty,
        Some(kind) if kind.is_text() => Scalar::Text(kind, append(arena, body)),
        Some(kind) => scalar_of(
            kind,
            body.first_chunk::<8>().map_or(0, |bits| u64::from_le_bytes(*bits)),
        ),
    }
}
