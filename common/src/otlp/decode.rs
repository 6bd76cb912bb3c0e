//! OTLP bytes into owned domain spans: for tests, small inputs and stored fragments. The ingestion path reads views.

use super::view::{
    AttrView, EventView, GroupView, LinkView, MAX_VALUE_DEPTH, OriginView, SpanLists, SpanView, ValueView,
    resource_spans,
};
use super::wire::{Fields, WireError};
use crate::ids::{SpanId, TraceId};
use crate::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode};
use crate::time::UnixNanos;
use crate::value::{AttrValue, Attribute};
use std::sync::Arc;

/// All spans of an `ExportTraceServiceRequest`. Ids of a wrong length read as zeros.
pub fn spans(request: &[u8]) -> Result<Vec<Span>, WireError> {
    let mut out = Vec::new();
    for group in resource_spans(request)? {
        let group = GroupView::read(group)?;
        let mut view = OriginView::default();
        for message in &group.origin {
            view.read_resource(message)?;
        }
        let resource = Arc::new(resource(&view, group.schema_url)?);
        for message in &group.items {
            let group = GroupView::read(message)?;
            let mut view = OriginView::default();
            for message in &group.origin {
                view.read_scope(message)?;
            }
            let scope = Arc::new(scope(&view, group.schema_url)?);
            let mut lists = SpanLists::default();
            for message in &group.items {
                let view = SpanView::read(message, &mut lists)?;
                out.push(span(&view, &lists, &resource, &scope)?);
            }
        }
    }
    Ok(out)
}

/// The resource in the bytes of a `ResourceSpans` message without spans.
pub fn resource_of(message: &[u8]) -> Result<Resource, WireError> {
    let group = GroupView::read(message)?;
    let mut view = OriginView::default();
    for message in &group.origin {
        view.read_resource(message)?;
    }
    resource(&view, group.schema_url)
}

/// The scope in the bytes of a `ScopeSpans` message without spans.
pub fn scope_of(message: &[u8]) -> Result<Scope, WireError> {
    let group = GroupView::read(message)?;
    let mut view = OriginView::default();
    for message in &group.origin {
        view.read_scope(message)?;
    }
    scope(&view, group.schema_url)
}

/// An owned resource.
pub fn resource(view: &OriginView<'_>, schema_url: &str) -> Result<Resource, WireError> {
    Ok(Resource {
        attributes: attributes(&view.attributes)?,
        dropped_attributes_count: view.dropped_attributes_count,
        schema_url: schema_url.into(),
    })
}

/// An owned scope.
pub fn scope(view: &OriginView<'_>, schema_url: &str) -> Result<Scope, WireError> {
    Ok(Scope {
        name: view.name.into(),
        version: view.version.into(),
        attributes: attributes(&view.attributes)?,
        dropped_attributes_count: view.dropped_attributes_count,
        schema_url: schema_url.into(),
    })
}

fn span(
    view: &SpanView<'_>,
    lists: &SpanLists<'_>,
    resource: &Arc<Resource>,
    scope: &Arc<Scope>,
) -> Result<Span, WireError> {
    Ok(Span {
        trace_id: trace_id(view.trace_id),
        span_id: span_id(view.span_id),
        parent_span_id: Some(span_id(view.parent_span_id)).filter(|id| !id.is_zero()),
        trace_state: view.trace_state.into(),
        flags: view.flags,
        name: view.name.into(),
        kind: SpanKind(view.kind),
        start: UnixNanos(view.start),
        end: UnixNanos(view.end),
        attributes: attributes(&lists.attributes)?,
        dropped_attributes_count: view.dropped_attributes_count,
        events: lists
            .events
            .iter()
            .map(|message| event(message))
            .collect::<Result<_, _>>()?,
        dropped_events_count: view.dropped_events_count,
        links: lists
            .links
            .iter()
            .map(|message| link(message))
            .collect::<Result<_, _>>()?,
        dropped_links_count: view.dropped_links_count,
        status_code: StatusCode(view.status_code),
        status_message: view.status_message.into(),
        resource: resource.clone(),
        scope: scope.clone(),
    })
}

fn event(message: &[u8]) -> Result<Event, WireError> {
    let mut attrs = Vec::new();
    let view = EventView::read(message, &mut attrs)?;
    Ok(Event {
        time: UnixNanos(view.time),
        name: view.name.into(),
        attributes: attributes(&attrs)?,
        dropped_attributes_count: view.dropped_attributes_count,
    })
}

fn link(message: &[u8]) -> Result<Link, WireError> {
    let mut attrs = Vec::new();
    let view = LinkView::read(message, &mut attrs)?;
    Ok(Link {
        trace_id: trace_id(view.trace_id),
        span_id: span_id(view.span_id),
        trace_state: view.trace_state.into(),
        attributes: attributes(&attrs)?,
        dropped_attributes_count: view.dropped_attributes_count,
        flags: view.flags,
    })
}

/// The id of these bytes; zeros unless there are 16 of them.
pub fn trace_id(bytes: &[u8]) -> TraceId {
    TraceId(bytes.try_into().unwrap_or_default())
}

/// The id of these bytes; zeros unless there are 8 of them.
pub fn span_id(bytes: &[u8]) -> SpanId {
    SpanId(bytes.try_into().unwrap_or_default())
}

fn attributes(views: &[AttrView<'_>]) -> Result<Vec<Attribute>, WireError> {
    views
        .iter()
        .map(|view| {
            Ok(Attribute {
                key: view.key.into(),
                value: value(&view.value)?,
            })
        })
        .collect()
}

/// An owned value.
pub fn value(view: &ValueView<'_>) -> Result<AttrValue, WireError> {
    nested_value(view, MAX_VALUE_DEPTH)
}

/// The value in the bytes of an `AnyValue`.
pub fn any_value(message: &[u8]) -> Result<AttrValue, WireError> {
    value(&ValueView::read(message)?)
}

fn nested_value(view: &ValueView<'_>, depth: usize) -> Result<AttrValue, WireError> {
    let below = || depth.checked_sub(1).ok_or(WireError::TooDeep(MAX_VALUE_DEPTH));
    Ok(match view {
        ValueView::Empty => AttrValue::Empty,
        ValueView::Str(s) => AttrValue::from(*s),
        ValueView::Bool(b) => AttrValue::Bool(*b),
        ValueView::Int(i) => AttrValue::Int(*i),
        ValueView::Double(d) => AttrValue::Double(*d),
        ValueView::Bytes(b) => AttrValue::Bytes((*b).into()),
        ValueView::Array(list) => AttrValue::Array(array(list, below()?)?),
        ValueView::Map(list) => AttrValue::Map(map(list, below()?)?),
    })
}

fn array(list: &[u8], depth: usize) -> Result<Vec<AttrValue>, WireError> {
    let mut out = Vec::new();
    let mut fields = Fields::new(list);
    while let Some(field) = fields.next_field()? {
        if field.number == 1 {
            out.push(nested_value(&ValueView::read(field.bytes()?)?, depth)?);
        }
    }
    Ok(out)
}

fn map(list: &[u8], depth: usize) -> Result<Vec<Attribute>, WireError> {
    let mut out = Vec::new();
    let mut fields = Fields::new(list);
    while let Some(field) = fields.next_field()? {
        if field.number == 1 {
            let attr = AttrView::read(field.bytes()?)?;
            out.push(Attribute {
                key: attr.key.into(),
                value: nested_value(&attr.value, depth)?,
            });
        }
    }
    Ok(out)
}
