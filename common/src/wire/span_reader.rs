//! From a received table to spans, which share texts, resources and scopes.

use super::span_rows::{AttributeRow, EventRow, LinkRow, ResourceRow, ScopeRow, SpanRow, SpanTable, ValueRow};
use super::text_table::Texts;
use crate::ids::TraceId;
use crate::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode};
use crate::time::UnixNanos;
use crate::value::{AttrValue, Attribute};
use std::sync::Arc;

/// A row refers to something that the table does not have.
#[derive(Debug, thiserror::Error)]
#[error("a span refers to what is not there")]
pub(super) struct Dangling;

/// The spans of a table, in order.
pub(super) fn read(table: &SpanTable<'_>) -> Result<Vec<Span>, Dangling> {
    let texts = Texts::new(&table.texts);
    let resources = table.resources.iter().map(|row| resource(&texts, row).map(Arc::new));
    let scopes = table.scopes.iter().map(|row| scope(&texts, row).map(Arc::new));
    let shared = Shared {
        traces: &table.traces,
        resources: resources.collect::<Result<_, _>>()?,
        scopes: scopes.collect::<Result<_, _>>()?,
        texts,
    };
    table.spans.iter().map(|row| shared.span(row)).collect()
}

struct Shared<'t> {
    texts: Texts,
    traces: &'t [TraceId],
    resources: Vec<Arc<Resource>>,
    scopes: Vec<Arc<Scope>>,
}

impl Shared<'_> {
    fn span(&self, row: &SpanRow<'_>) -> Result<Span, Dangling> {
        let texts = &self.texts;
        Ok(Span {
            trace_id: at(self.traces, row.trace)?,
            span_id: row.span_id,
            parent_span_id: row.parent_span_id,
            trace_state: texts.get(row.trace_state)?,
            flags: row.flags,
            name: texts.get(row.name)?,
            kind: SpanKind(row.kind),
            start: UnixNanos(row.start),
            end: UnixNanos(row.start.wrapping_add(row.length)),
            attributes: attributes(texts, &row.attributes)?,
            dropped_attributes_count: row.dropped_attributes_count,
            events: row
                .events
                .iter()
                .map(|row| event(texts, row))
                .collect::<Result<_, _>>()?,
            dropped_events_count: row.dropped_events_count,
            links: row.links.iter().map(|row| link(texts, row)).collect::<Result<_, _>>()?,
            dropped_links_count: row.dropped_links_count,
            status_code: StatusCode(row.status_code),
            status_message: texts.get(row.status_message)?,
            resource: at(&self.resources, row.resource)?,
            scope: at(&self.scopes, row.scope)?,
        })
    }
}

fn at<T: Clone>(things: &[T], number: u32) -> Result<T, Dangling> {
    things.get(number as usize).cloned().ok_or(Dangling)
}

fn resource(texts: &Texts, row: &ResourceRow<'_>) -> Result<Resource, Dangling> {
    Ok(Resource {
        attributes: attributes(texts, &row.attributes)?,
        dropped_attributes_count: row.dropped_attributes_count,
        schema_url: texts.get(row.schema_url)?,
    })
}

fn scope(texts: &Texts, row: &ScopeRow<'_>) -> Result<Scope, Dangling> {
    Ok(Scope {
        name: texts.get(row.name)?,
        version: texts.get(row.version)?,
        attributes: attributes(texts, &row.attributes)?,
        dropped_attributes_count: row.dropped_attributes_count,
        schema_url: texts.get(row.schema_url)?,
    })
}

fn event(texts: &Texts, row: &EventRow<'_>) -> Result<Event, Dangling> {
    Ok(Event {
        time: UnixNanos(row.time),
        name: texts.get(row.name)?,
        attributes: attributes(texts, &row.attributes)?,
        dropped_attributes_count: row.dropped_attributes_count,
    })
}

fn link(texts: &Texts, row: &LinkRow<'_>) -> Result<Link, Dangling> {
    Ok(Link {
        trace_id: row.trace_id,
        span_id: row.span_id,
        trace_state: texts.get(row.trace_state)?,
        attributes: attributes(texts, &row.attributes)?,
        dropped_attributes_count: row.dropped_attributes_count,
        flags: row.flags,
    })
}

fn attributes(texts: &Texts, rows: &[AttributeRow<'_>]) -> Result<Vec<Attribute>, Dangling> {
    let mut attributes = Vec::with_capacity(rows.len());
    for row in rows {
        attributes.push(Attribute {
            key: texts.get(row.key)?,
            value: value(texts, &row.value)?,
        });
    }
    Ok(attributes)
}

fn value(texts: &Texts, row: &ValueRow<'_>) -> Result<AttrValue, Dangling> {
    Ok(match row {
        ValueRow::Empty => AttrValue::Empty,
        ValueRow::Text(text) => AttrValue::Str(texts.get(*text)?),
        ValueRow::Bool(bool) => AttrValue::Bool(*bool),
        ValueRow::Int(int) => AttrValue::Int(*int),
        ValueRow::Double(double) => AttrValue::Double(*double),
        ValueRow::Bytes(bytes) => AttrValue::Bytes((*bytes).into()),
        ValueRow::Array(rows) => AttrValue::Array(rows.iter().map(|row| value(texts, row)).collect::<Result<_, _>>()?),
        ValueRow::Map(rows) => AttrValue::Map(attributes(texts, rows)?),
    })
}
