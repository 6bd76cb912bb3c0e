//! Whole spans as lines of JSON, the same lines that their rows make, without making rows: an export of many spans
//! takes a fraction of the time so.

use common::ids::{SpanId, TraceId};
use common::query::{AttrLevel, EMPTY_TEXT, attribute_text, has_text};
use common::span::{Event, Link, Resource, SERVICE_NAME, Span};
use common::value::{AttrValue, Attribute, find_path, write_js_double};
use hashbrown::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::super::exec::{Text, json};
use super::super::value::write_rfc3339;
use super::NO_MESSAGE;
use super::flatten::flatten;
use super::line_names::{LineNames, Place, own};
use super::span_rows::shared_text;
use super::stream::StreamTexts;

/// What a field of the span at hand shows.
#[derive(Clone, Copy)]
enum Cell<'s> {
    /// Nothing, and no other cell of the field counts
    Hidden,
    Text(&'s str),
    Value(&'s AttrValue),
    Number(u64),
    Signed(i64),
    TraceId(TraceId),
    SpanId(SpanId),
    /// Unix nanoseconds
    Time(i64),
    /// Text and id of a stream, by its number
    Stream(usize),
    StreamId(usize),
    /// A range of what was written before, quotes included
    Written(usize, usize),
}

/// A field and what it shows. Of several cells of a field the first counts.
type Filled<'s> = (u32, Cell<'s>);

/// Writes lines.
pub struct SpanLines {
    streams: StreamTexts,
    names: LineNames,
}

/// What is known while some spans are written.
#[derive(Default)]
struct Part<'s> {
    streams: Vec<(Text, Text)>,
    /// Texts of resources, each written once
    written: String,
    /// The cells of resources, by their address
    resources: HashMap<usize, Vec<Filled<'s>>>,
    /// All cells, span after span, and where those of each span end
    cells: Vec<Filled<'s>>,
    ends: Vec<usize>,
}

impl SpanLines {
    pub fn new(streams: StreamTexts) -> Self {
        Self {
            streams,
            names: LineNames::default(),
        }
    }

    /// Appends the line of each span: an object with `_time`, `_stream_id`, `_stream`, `_msg`, then all other fields by
    /// name.
    pub fn write(&mut self, spans: &[Span], out: &mut String) {
        self.names.tidy();
        let mut part = Part::default();
        for span in spans {
            self.fill(span, &mut part);
            part.ends.push(part.cells.len());
        }
        self.names.rank();
        let mut start = 0;
        let mut fields = Vec::new();
        for end in &part.ends {
            let cells = part.cells.get(start..*end).unwrap_or_default();
            start = *end;
            fields.clear();
            fields.extend(cells.iter().map(|(field, _)| *field));
            let line = out.len();
            for (name, place) in self.names.in_order(&fields) {
                if let Some((_, cell)) = cells.get(place)
                    && !matches!(cell, Cell::Hidden)
                {
                    out.push(if out.len() == line { '{' } else { ',' });
                    out.push_str(name);
                    part.write_cell(*cell, out);
                }
            }
            if out.len() > line {
                out.push_str("}\n");
            }
        }
    }

    /// Appends the cells of a span.
    fn fill<'s>(&mut self, span: &'s Span, part: &mut Part<'s>) {
        self.fill_own(span, part);
        self.fill_resource(&span.resource, part);
        let cells = &mut part.cells;
        text(cells, own::SCOPE_NAME, &span.scope.name);
        text(cells, own::SCOPE_VERSION, &span.scope.version);
        attributes(
            &mut self.names,
            Place::Level(AttrLevel::Scope),
            &span.scope.attributes,
            cells,
        );
        attributes(&mut self.names, Place::Level(AttrLevel::Span), &span.attributes, cells);
        for (index, event) in (0..).zip(&span.events) {
            self.fill_event(index, event, cells);
        }
        for (index, link) in (0..).zip(&span.links) {
            self.fill_link(index, link, cells);
        }
    }

    fn fill_own<'s>(&mut self, span: &'s Span, part: &mut Part<'s>) {
        let service = find_path(&span.resource.attributes, SERVICE_NAME);
        let service = service.map_or_else(Text::default, shared_text);
        let stream = part.streams.len();
        part.streams.push(self.streams.of(&service, &span.name));
        let time = i64::try_from(span.start.0).unwrap_or(i64::MAX);
        let cells = &mut part.cells;
        cells.extend([
            (own::TIME, Cell::Time(time)),
            (own::STREAM_ID, Cell::StreamId(stream)),
            (own::STREAM, Cell::Stream(stream)),
            (own::MESSAGE, Cell::Text(NO_MESSAGE)),
            (own::TRACE_ID, Cell::TraceId(span.trace_id)),
            (own::SPAN_ID, Cell::SpanId(span.span_id)),
        ]);
        cells.extend(span.parent_span_id.map(|id| (own::PARENT_SPAN_ID, Cell::SpanId(id))));
        text(cells, own::TRACE_STATE, &span.trace_state);
        text(cells, own::NAME, &span.name);
        text(cells, own::STATUS_MESSAGE, &span.status_message);
        number(cells, own::FLAGS, span.flags.into());
        signed(cells, own::KIND, span.kind.0);
        signed(cells, own::STATUS_CODE, span.status_code.0);
        number(cells, own::START, span.start.0);
        number(cells, own::END, span.end.0);
        cells.push((own::DURATION, Cell::Number(span.duration_nanos())));
        number(cells, own::DROPPED_ATTRIBUTES, span.dropped_attributes_count.into());
        number(cells, own::DROPPED_EVENTS, span.dropped_events_count.into());
        number(cells, own::DROPPED_LINKS, span.dropped_links_count.into());
    }

    /// Resources are shared by spans: their texts are written once.
    fn fill_resource<'s>(&mut self, resource: &'s Arc<Resource>, part: &mut Part<'s>) {
        let address = Arc::as_ptr(resource).addr();
        if let Some(known) = part.resources.get(&address) {
            part.cells.extend_from_slice(known);
            return;
        }
        let first = part.cells.len();
        let place = Place::Level(AttrLevel::Resource);
        attributes(&mut self.names, place, &resource.attributes, &mut part.cells);
        let mut written = std::mem::take(&mut part.written);
        for at in first..part.cells.len() {
            let Some((field, cell)) = part.cells.get(at).copied() else {
                continue;
            };
            if !matches!(cell, Cell::Hidden) {
                let start = written.len();
                part.write_cell(cell, &mut written);
                let cell = Cell::Written(start, written.len());
                part.cells
                    .get_mut(at)
                    .into_iter()
                    .for_each(|known| *known = (field, cell));
            }
        }
        part.written = written;
        let cells = part.cells.get(first..).unwrap_or_default().to_vec();
        part.resources.insert(address, cells);
    }

    fn fill_event<'s>(&mut self, index: u32, event: &'s Event, cells: &mut Vec<Filled<'s>>) {
        let names = &mut self.names;
        text(cells, names.indexed("event:event_name", index), &event.name);
        number(cells, names.indexed("event:event_time_unix_nano", index), event.time.0);
        let dropped = names.indexed("event:event_dropped_attributes_count", index);
        number(cells, dropped, event.dropped_attributes_count.into());
        attributes(names, Place::Event(index), &event.attributes, cells);
    }

    fn fill_link<'s>(&mut self, index: u32, link: &'s Link, cells: &mut Vec<Filled<'s>>) {
        let names = &mut self.names;
        if !link.trace_id.is_zero() {
            cells.push((names.indexed("link:link_trace_id", index), Cell::TraceId(link.trace_id)));
        }
        if !link.span_id.is_zero() {
            cells.push((names.indexed("link:link_span_id", index), Cell::SpanId(link.span_id)));
        }
        text(cells, names.indexed("link:link_trace_state", index), &link.trace_state);
        number(cells, names.indexed("link:link_flags", index), link.flags.into());
        let dropped = names.indexed("link:link_dropped_attributes_count", index);
        number(cells, dropped, link.dropped_attributes_count.into());
        attributes(names, Place::Link(index), &link.attributes, cells);
    }
}

impl Part<'_> {
    /// Appends the text of a cell in quotes.
    fn write_cell(&self, cell: Cell<'_>, out: &mut String) {
        // Writing to a String does not fail.
        match cell {
            Cell::Hidden => {}
            Cell::Text(text) => json::write_string(out, text),
            Cell::Value(value) => write_value(value, out),
            Cell::Number(number) => drop(write!(out, "\"{number}\"")),
            Cell::Signed(number) => drop(write!(out, "\"{number}\"")),
            Cell::TraceId(id) => write_hex(&id.0, out),
            Cell::SpanId(id) => write_hex(&id.0, out),
            Cell::Time(nanos) => {
                out.push('"');
                write_rfc3339(nanos, out);
                out.push('"');
            }
            Cell::Stream(number) => json::write_string(out, self.streams.get(number).map_or("", |(text, _)| text)),
            Cell::StreamId(number) => json::write_string(out, self.streams.get(number).map_or("", |(_, id)| id)),
            Cell::Written(start, end) => out.push_str(self.written.get(start..end).unwrap_or_default()),
        }
    }
}

/// Appends the text of an attribute in quotes.
fn write_value(value: &AttrValue, out: &mut String) {
    match value {
        AttrValue::Str(text) if text.is_empty() => drop(write!(out, "\"{EMPTY_TEXT}\"")),
        AttrValue::Str(text) => json::write_string(out, text),
        AttrValue::Int(number) => drop(write!(out, "\"{number}\"")),
        AttrValue::Double(number) => {
            out.push('"');
            write_js_double(*number, out);
            out.push('"');
        }
        value => json::write_string(out, &attribute_text(value)),
    }
}

fn text<'s>(cells: &mut Vec<Filled<'s>>, field: u32, text: &'s str) {
    if !text.is_empty() {
        cells.push((field, Cell::Text(text)));
    }
}

fn number(cells: &mut Vec<Filled<'_>>, field: u32, number: u64) {
    if number != 0 {
        cells.push((field, Cell::Number(number)));
    }
}

fn signed(cells: &mut Vec<Filled<'_>>, field: u32, number: i32) {
    if number != 0 {
        cells.push((field, Cell::Signed(number.into())));
    }
}

fn attributes<'s>(names: &mut LineNames, place: Place, attributes: &'s [Attribute], cells: &mut Vec<Filled<'s>>) {
    flatten(attributes, &mut |key, value| {
        cells.push((names.attribute(place, key), value.map_or(Cell::Hidden, shown)));
    });
}

/// The cell of an attribute's value.
fn shown(value: &AttrValue) -> Cell<'_> {
    if has_text(value) {
        Cell::Value(value)
    } else {
        Cell::Hidden
    }
}

/// Appends hexadecimal digits in quotes.
fn write_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    for byte in bytes {
        let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or_default());
        out.push(digit(byte >> 4));
        out.push(digit(byte & 15));
    }
    out.push('"');
}
