//! Whole spans as rows: every field in a column of its own.

use common::query::{AttrLevel, EMPTY_TEXT, attribute_text};
use common::span::{Event, Link, Resource, Span};
use common::value::{AttrValue, Attribute, find_path};
use hashbrown::HashMap;
use std::sync::Arc;

use super::super::exec::rows::RowColumn;
use super::super::exec::{Rows, Text};
use super::super::value::format_rfc3339;
use super::flatten::flatten;
use super::line_names::Place;
use super::{MESSAGE, NO_MESSAGE, STREAM, STREAM_ID, StreamTexts, TIME};

/// A column and its text in a row.
type Cell = (usize, Text);

/// The rows of some spans: `_time`, `_stream_id`, `_stream`, `_msg`, then all other fields by name.
pub fn span_rows(spans: &[Span], streams: &mut StreamTexts) -> Rows {
    let mut table = Table::default();
    for span in spans {
        table.add(span, streams);
    }
    table.into_rows()
}

/// Columns under construction.
#[derive(Default)]
struct Table {
    columns: Vec<RowColumn>,
    own: HashMap<&'static str, usize>,
    attributes: HashMap<(Place, Arc<str>), usize>,
    /// Fields of events and links besides attributes
    indexed: HashMap<(&'static str, u32), usize>,
    /// The attributes of the resource that came last: following spans often share it
    resource: Option<(Arc<Resource>, Vec<Cell>)>,
    /// Empty, for reuse
    cells: Vec<Cell>,
    empty: Text,
    rows: usize,
}

impl Table {
    fn add(&mut self, span: &Span, streams: &mut StreamTexts) {
        self.add_fixed(span, streams);
        self.add_own(span);
        self.add_resource(&span.resource);
        self.text("scope_name", &span.scope.name);
        self.text("scope_version", &span.scope.version);
        self.add_attributes(Place::Level(AttrLevel::Scope), &span.scope.attributes);
        self.add_attributes(Place::Level(AttrLevel::Span), &span.attributes);
        for (index, event) in (0..).zip(&span.events) {
            self.add_event(index, event);
        }
        for (index, link) in (0..).zip(&span.links) {
            self.add_link(index, link);
        }
        self.rows += 1;
    }

    fn add_fixed(&mut self, span: &Span, streams: &mut StreamTexts) {
        let service = find_path(&span.resource.attributes, common::span::SERVICE_NAME);
        let service = service.map_or_else(Text::default, shared_text);
        let (stream, id) = streams.of(&service, &span.name);
        let time = i64::try_from(span.start.0).unwrap_or(i64::MAX);
        self.own(TIME, format_rfc3339(time).into());
        self.own(STREAM_ID, id);
        self.own(STREAM, stream);
        self.own(MESSAGE, NO_MESSAGE.into());
    }

    fn add_own(&mut self, span: &Span) {
        self.own("trace_id", span.trace_id.to_string().into());
        self.own("span_id", span.span_id.to_string().into());
        if let Some(parent) = span.parent_span_id {
            self.own("parent_span_id", parent.to_string().into());
        }
        self.text("trace_state", &span.trace_state);
        self.text("name", &span.name);
        self.text("status_message", &span.status_message);
        self.number("flags", span.flags);
        self.number("kind", span.kind.0);
        self.number("status_code", span.status_code.0);
        self.number("start_time_unix_nano", span.start.0);
        self.number("end_time_unix_nano", span.end.0);
        self.own("duration", span.duration_nanos().to_string().into());
        self.number("dropped_attributes_count", span.dropped_attributes_count);
        self.number("dropped_events_count", span.dropped_events_count);
        self.number("dropped_links_count", span.dropped_links_count);
    }

    fn add_resource(&mut self, resource: &Arc<Resource>) {
        let known = self.resource.take().filter(|(known, _)| Arc::ptr_eq(known, resource));
        let (_, cells) = known.unwrap_or_else(|| {
            let mut cells = Vec::with_capacity(resource.attributes.len());
            let place = Place::Level(AttrLevel::Resource);
            self.flatten(place, &resource.attributes, &mut cells);
            (resource.clone(), cells)
        });
        for (column, text) in &cells {
            self.set(*column, text.clone());
        }
        self.resource = Some((resource.clone(), cells));
    }

    fn add_attributes(&mut self, place: Place, attributes: &[Attribute]) {
        let mut cells = std::mem::take(&mut self.cells);
        self.flatten(place, attributes, &mut cells);
        for (column, text) in cells.drain(..) {
            self.set(column, text);
        }
        self.cells = cells;
    }

    /// Appends the texts of attributes with their columns. Of one column the first cell counts.
    fn flatten(&mut self, place: Place, attributes: &[Attribute], cells: &mut Vec<Cell>) {
        flatten(attributes, &mut |key, value| {
            let text = value.map_or_else(|| self.empty.clone(), shared_text);
            cells.push((self.attribute_column(place, key), text));
        });
    }

    fn add_event(&mut self, index: u32, event: &Event) {
        self.indexed_text("event:event_name", index, &event.name);
        self.indexed_number("event:event_time_unix_nano", index, event.time.0);
        let dropped = u64::from(event.dropped_attributes_count);
        self.indexed_number("event:event_dropped_attributes_count", index, dropped);
        self.add_attributes(Place::Event(index), &event.attributes);
    }

    fn add_link(&mut self, index: u32, link: &Link) {
        if !link.trace_id.is_zero() {
            self.indexed_text("link:link_trace_id", index, &link.trace_id.to_string().into());
        }
        if !link.span_id.is_zero() {
            self.indexed_text("link:link_span_id", index, &link.span_id.to_string().into());
        }
        self.indexed_text("link:link_trace_state", index, &link.trace_state);
        self.indexed_number("link:link_flags", index, u64::from(link.flags));
        let dropped = u64::from(link.dropped_attributes_count);
        self.indexed_number("link:link_dropped_attributes_count", index, dropped);
        self.add_attributes(Place::Link(index), &link.attributes);
    }

    fn text(&mut self, name: &'static str, text: &Text) {
        if !text.is_empty() {
            self.own(name, text.clone());
        }
    }

    fn number(&mut self, name: &'static str, number: impl Into<i128>) {
        match number.into() {
            0 => {}
            number => self.own(name, number.to_string().into()),
        }
    }

    fn own(&mut self, name: &'static str, text: Text) {
        let next = self.columns.len();
        let column = *self.own.entry(name).or_insert(next);
        if column == next {
            self.new_column(name.into());
        }
        self.set(column, text);
    }

    fn indexed_text(&mut self, name: &'static str, index: u32, text: &Text) {
        if text.is_empty() {
            return;
        }
        let next = self.columns.len();
        let column = *self.indexed.entry((name, index)).or_insert(next);
        if column == next {
            self.new_column(format!("{name}:{index}").into());
        }
        self.set(column, text.clone());
    }

    fn indexed_number(&mut self, name: &'static str, index: u32, number: u64) {
        if number != 0 {
            self.indexed_text(name, index, &number.to_string().into());
        }
    }

    fn attribute_column(&mut self, place: Place, key: &Arc<str>) -> usize {
        let next = self.columns.len();
        let column = *self.attributes.entry((place, key.clone())).or_insert(next);
        if column == next {
            self.new_column(place.name(key).into());
        }
        column
    }

    fn new_column(&mut self, name: Text) {
        let values = Vec::new();
        self.columns.push(RowColumn { name, values });
    }

    /// Sets a value of the row under construction; the first value of a key that repeats stays.
    fn set(&mut self, column: usize, text: Text) {
        let Some(column) = self.columns.get_mut(column) else {
            return;
        };
        if column.values.len() <= self.rows {
            column.values.resize(self.rows, self.empty.clone());
            column.values.push(text);
        }
    }

    fn into_rows(mut self) -> Rows {
        let mut rows = Rows::new(self.rows);
        for column in &mut self.columns {
            column.values.resize(self.rows, self.empty.clone());
        }
        self.columns
            .sort_by(|a, b| column_rank(&a.name).cmp(&column_rank(&b.name)));
        rows.columns = self.columns;
        rows
    }
}

/// What columns are ordered by where nothing else fixes their order.
pub fn column_rank(name: &str) -> (u8, &str) {
    match name {
        TIME => (0, ""),
        STREAM_ID => (1, ""),
        STREAM => (2, ""),
        MESSAGE => (3, ""),
        name => (4, name),
    }
}

/// The text of an attribute's value.
pub(super) fn shared_text(value: &AttrValue) -> Text {
    match value {
        AttrValue::Str(text) if text.is_empty() => EMPTY_TEXT.into(),
        AttrValue::Str(text) => text.clone(),
        value => attribute_text(value).into(),
    }
}
