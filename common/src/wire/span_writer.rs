//! From spans to the table that is sent.

use super::span_rows::{AttributeRow, EventRow, LinkRow, ResourceRow, ScopeRow, SpanRow, SpanTable, ValueRow};
use super::text_table::TextWriter;
use crate::ids::TraceId;
use crate::span::{Event, Link, Resource, Scope, Span};
use crate::value::{AttrValue, Attribute};
use hashbrown::HashMap;
use serde::Serialize;
use std::sync::Arc;

/// The table of some spans, in their order.
pub(super) fn table<'s>(spans: impl Iterator<Item = &'s Span>) -> SpanTable<'s> {
    let mut writer = Writer::default();
    let rows = spans.map(|span| writer.span(span)).collect();
    SpanTable {
        texts: writer.texts.into_texts(),
        traces: writer.traces,
        resources: writer.resources.rows,
        scopes: writer.scopes.rows,
        spans: rows,
    }
}

#[derive(Default)]
struct Writer<'s> {
    texts: TextWriter<'s>,
    /// A trace's spans follow each other, or its id is in here more than once
    traces: Vec<TraceId>,
    resources: Shared<Resource, ResourceRow<'s>>,
    scopes: Shared<Scope, ScopeRow<'s>>,
}

/// Things that many spans share: the same by address, or by what they are.
struct Shared<T, Row> {
    by_address: HashMap<*const T, u32>,
    by_row: HashMap<Vec<u8>, u32>,
    rows: Vec<Row>,
}

impl<T, Row> Default for Shared<T, Row> {
    fn default() -> Self {
        Self {
            by_address: HashMap::new(),
            by_row: HashMap::new(),
            rows: Vec::new(),
        }
    }
}

impl<T, Row: Serialize> Shared<T, Row> {
    fn number(&mut self, thing: &Arc<T>, row: impl FnOnce() -> Row) -> u32 {
        let address = Arc::as_ptr(thing);
        if let Some(number) = self.by_address.get(&address) {
            return *number;
        }
        let row = row();
        let next = count(self.rows.len());
        let number = match postcard::to_stdvec(&row) {
            Ok(bytes) => *self.by_row.entry(bytes).or_insert(next),
            Err(_) => next,
        };
        if number == next {
            self.rows.push(row);
        }
        self.by_address.insert(address, number);
        number
    }
}

impl<'s> Writer<'s> {
    fn span(&mut self, span: &'s Span) -> SpanRow<'s> {
        let texts = &mut self.texts;
        SpanRow {
            trace: trace(&mut self.traces, span.trace_id),
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            trace_state: texts.number(&span.trace_state),
            flags: span.flags,
            name: texts.number(&span.name),
            kind: span.kind.0,
            start: span.start.0,
            length: span.end.0.wrapping_sub(span.start.0),
            attributes: attributes(texts, &span.attributes),
            dropped_attributes_count: span.dropped_attributes_count,
            events: span.events.iter().map(|e| event(texts, e)).collect(),
            dropped_events_count: span.dropped_events_count,
            links: span.links.iter().map(|l| link(texts, l)).collect(),
            dropped_links_count: span.dropped_links_count,
            status_code: span.status_code.0,
            status_message: texts.number(&span.status_message),
            resource: self
                .resources
                .number(&span.resource, || resource(texts, &span.resource)),
            scope: self.scopes.number(&span.scope, || scope(texts, &span.scope)),
        }
    }
}

fn trace(traces: &mut Vec<TraceId>, id: TraceId) -> u32 {
    if traces.last() != Some(&id) {
        traces.push(id);
    }
    count(traces.len() - 1)
}

/// A list of so many things does not fit into memory.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn resource<'s>(texts: &mut TextWriter<'s>, resource: &'s Resource) -> ResourceRow<'s> {
    ResourceRow {
        attributes: attributes(texts, &resource.attributes),
        dropped_attributes_count: resource.dropped_attributes_count,
        schema_url: texts.number(&resource.schema_url),
    }
}

fn scope<'s>(texts: &mut TextWriter<'s>, scope: &'s Scope) -> ScopeRow<'s> {
    ScopeRow {
        name: texts.number(&scope.name),
        version: texts.number(&scope.version),
        attributes: attributes(texts, &scope.attributes),
        dropped_attributes_count: scope.dropped_attributes_count,
        schema_url: texts.number(&scope.schema_url),
    }
}

fn event<'s>(texts: &mut TextWriter<'s>, event: &'s Event) -> EventRow<'s> {
    EventRow {
        time: event.time.0,
        name: texts.number(&event.name),
        attributes: attributes(texts, &event.attributes),
        dropped_attributes_count: event.dropped_attributes_count,
    }
}

fn link<'s>(texts: &mut TextWriter<'s>, link: &'s Link) -> LinkRow<'s> {
    LinkRow {
        trace_id: link.trace_id,
        span_id: link.span_id,
        trace_state: texts.number(&link.trace_state),
        attributes: attributes(texts, &link.attributes),
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    }
}

fn attributes<'s>(texts: &mut TextWriter<'s>, attributes: &'s [Attribute]) -> Vec<AttributeRow<'s>> {
    let row = |attribute: &'s Attribute| AttributeRow {
        key: texts.number(&attribute.key),
        value: value(texts, &attribute.value),
    };
    attributes.iter().map(row).collect()
}

fn value<'s>(texts: &mut TextWriter<'s>, of: &'s AttrValue) -> ValueRow<'s> {
    match of {
        AttrValue::Empty => ValueRow::Empty,
        AttrValue::Str(text) => ValueRow::Text(texts.number(text)),
        AttrValue::Bool(bool) => ValueRow::Bool(*bool),
        AttrValue::Int(int) => ValueRow::Int(*int),
        AttrValue::Double(double) => ValueRow::Double(*double),
        AttrValue::Bytes(bytes) => ValueRow::Bytes(bytes),
        AttrValue::Array(values) => ValueRow::Array(values.iter().map(|v| value(texts, v)).collect()),
        AttrValue::Map(entries) => ValueRow::Map(attributes(texts, entries)),
    }
}
