//! OTLP spans, made from random numbers.

use super::{Random, SpanIds, mix};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// A request with spans of one service.
pub fn request_of(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![attribute("service.name", Value::StringValue(service.into()))],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

pub fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub(super) fn otlp_span(ids: SpanIds, start: u64, random: &mut Random) -> Span {
    Span {
        trace_id: ids.trace.to_be_bytes().into(),
        span_id: ids.span.to_be_bytes().into(),
        name: name_of(ids.span),
        kind: 1 + random.below(5) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + random.below(1_000_000_000),
        attributes: vec![
            attribute("session", Value::StringValue(format!("{:016x}", random.next()))),
            attribute("status", Value::IntValue(200 + random.below(5) as i64)),
            attribute("route", Value::StringValue(format!("/items/{}", random.below(30)))),
        ],
        ..Span::default()
    }
}

/// Spans are told apart by their names too, so that a mixed up column shows.
pub(super) fn name_of(span: u64) -> String {
    format!("operation {}", mix(span, 1) % 60)
}
