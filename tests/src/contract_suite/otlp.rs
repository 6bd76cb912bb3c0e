//! Owned spans as OTLP bytes, by prost.

use bytes::Bytes;
use common::span::{Event, Link, Resource, Scope, Span};
use common::value::{AttrValue, Attribute};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use opentelemetry_proto::tonic::trace::v1::{self as otlp, ResourceSpans, ScopeSpans, Status};
use prost::Message;
use std::sync::Arc;

/// One request. Neighbouring spans that share a resource (the same `Arc`) share a group, likewise scopes.
pub fn encode(spans: &[Span]) -> Bytes {
    let by_resource = spans.chunk_by(|a, b| Arc::ptr_eq(&a.resource, &b.resource));
    let resource_spans = by_resource.filter_map(|spans| {
        let resource = &spans.first()?.resource;
        let by_scope = spans.chunk_by(|a, b| Arc::ptr_eq(&a.scope, &b.scope));
        Some(ResourceSpans {
            resource: Some(self::resource(resource)),
            scope_spans: by_scope.filter_map(scope_spans).collect(),
            schema_url: resource.schema_url.to_string(),
        })
    });
    ExportTraceServiceRequest {
        resource_spans: resource_spans.collect(),
    }
    .encode_to_vec()
    .into()
}

fn resource(resource: &Resource) -> OtlpResource {
    OtlpResource {
        attributes: attributes(&resource.attributes),
        dropped_attributes_count: resource.dropped_attributes_count,
        ..OtlpResource::default()
    }
}

fn scope_spans(spans: &[Span]) -> Option<ScopeSpans> {
    let Scope {
        name,
        version,
        attributes,
        dropped_attributes_count,
        schema_url,
    } = &*spans.first()?.scope;
    Some(ScopeSpans {
        scope: Some(InstrumentationScope {
            name: name.to_string(),
            version: version.to_string(),
            attributes: self::attributes(attributes),
            dropped_attributes_count: *dropped_attributes_count,
        }),
        spans: spans.iter().map(span).collect(),
        schema_url: schema_url.to_string(),
    })
}

fn span(span: &Span) -> otlp::Span {
    otlp::Span {
        trace_id: span.trace_id.0.to_vec(),
        span_id: span.span_id.0.to_vec(),
        parent_span_id: span.parent_span_id.map(|id| id.0.to_vec()).unwrap_or_default(),
        trace_state: span.trace_state.to_string(),
        flags: span.flags,
        name: span.name.to_string(),
        kind: span.kind.0,
        start_time_unix_nano: span.start.0,
        end_time_unix_nano: span.end.0,
        attributes: attributes(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span.events.iter().map(event).collect(),
        dropped_events_count: span.dropped_events_count,
        links: span.links.iter().map(link).collect(),
        dropped_links_count: span.dropped_links_count,
        status: Some(Status {
            code: span.status_code.0,
            message: span.status_message.to_string(),
        }),
    }
}

fn event(event: &Event) -> otlp::span::Event {
    otlp::span::Event {
        time_unix_nano: event.time.0,
        name: event.name.to_string(),
        attributes: attributes(&event.attributes),
        dropped_attributes_count: event.dropped_attributes_count,
    }
}

/// Ids of zeros are left out, as they come in the wild.
fn link(link: &Link) -> otlp::span::Link {
    otlp::span::Link {
        trace_id: Some(link.trace_id)
            .filter(|id| !id.is_zero())
            .map(|id| id.0.to_vec())
            .unwrap_or_default(),
        span_id: Some(link.span_id)
            .filter(|id| !id.is_zero())
            .map(|id| id.0.to_vec())
            .unwrap_or_default(),
        trace_state: link.trace_state.to_string(),
        attributes: attributes(&link.attributes),
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    }
}

fn attributes(attributes: &[Attribute]) -> Vec<KeyValue> {
    let pair = |a: &Attribute| KeyValue {
        key: a.key.to_string(),
        value: Some(any(&a.value)),
        ..KeyValue::default()
    };
    attributes.iter().map(pair).collect()
}

fn any(value: &AttrValue) -> AnyValue {
    let value = match value {
        AttrValue::Empty => None,
        AttrValue::Str(text) => Some(Value::StringValue(text.to_string())),
        AttrValue::Bool(b) => Some(Value::BoolValue(*b)),
        AttrValue::Int(i) => Some(Value::IntValue(*i)),
        AttrValue::Double(d) => Some(Value::DoubleValue(*d)),
        AttrValue::Bytes(bytes) => Some(Value::BytesValue(bytes.to_vec())),
        AttrValue::Array(values) => Some(Value::ArrayValue(ArrayValue {
            values: values.iter().map(any).collect(),
        })),
        AttrValue::Map(entries) => Some(Value::KvlistValue(KeyValueList {
            values: attributes(entries),
        })),
    };
    AnyValue { value }
}
