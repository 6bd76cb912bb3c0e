//! Walkers of the wire against prost: what one accepts the other accepts, and both read the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panic"
)]

mod support;

use bytes::Bytes;
use common::otlp::decode;
use common::otlp::json;
use common::span::{self as domain, SpanKind, StatusCode};
use common::time::{TimeRange, UnixNanos};
use common::value::{AttrValue, Attribute};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use prost::Message;
use std::sync::Arc;
use support::arbitrary;
use vtinsert::otlp::validate::{SpanLimits, Validated, Validator};

const NO_LIMITS: SpanLimits = SpanLimits {
    max_attributes: usize::MAX,
    max_value_depth: 64,
    max_key_length: usize::MAX,
};

fn validator() -> Validator {
    Validator::new(NO_LIMITS, TimeRange::ALL)
}

fn has_good_ids(span: &Span) -> bool {
    let is_id = |id: &[u8], len| id.len() == len && id.iter().any(|byte| *byte != 0);
    is_id(&span.trace_id, 16) && is_id(&span.span_id, 8) && matches!(span.parent_span_id.len(), 0 | 8)
}

fn keep(mut request: ExportTraceServiceRequest, good: impl Fn(&Span) -> bool) -> ExportTraceServiceRequest {
    request
        .resource_spans
        .iter_mut()
        .flat_map(|r| &mut r.scope_spans)
        .for_each(|s| s.spans.retain(&good));
    request
}

fn count(request: &ExportTraceServiceRequest) -> u64 {
    request
        .resource_spans
        .iter()
        .flat_map(|r| &r.scope_spans)
        .map(|s| s.spans.len() as u64)
        .sum()
}

/// Whether the walker takes the whole message.
fn accepts(body: &[u8]) -> bool {
    let body = Bytes::copy_from_slice(body);
    matches!(validator().validate(body.clone()), Ok(v) if v.rejections.total() == 0 && v.otlp == body)
}

fn levels(value: &AnyValue) -> usize {
    match &value.value {
        Some(Value::ArrayValue(list)) => 1 + list.values.iter().map(levels).max().unwrap_or(0),
        Some(Value::KvlistValue(list)) => 1 + deepest(&list.values),
        _ => 0,
    }
}

fn deepest(attributes: &[KeyValue]) -> usize {
    attributes
        .iter()
        .filter_map(|a| a.value.as_ref())
        .map(levels)
        .max()
        .unwrap_or(0)
}

fn keeps_to(limits: &SpanLimits, attributes: &[KeyValue]) -> bool {
    attributes.len() <= limits.max_attributes
        && attributes.iter().all(|a| key_fits(limits, a))
        && deepest(attributes) <= limits.max_value_depth
}

fn key_fits(limits: &SpanLimits, attribute: &KeyValue) -> bool {
    fn keys_fit(limits: &SpanLimits, value: &AnyValue) -> bool {
        match &value.value {
            Some(Value::ArrayValue(list)) => list.values.iter().all(|v| keys_fit(limits, v)),
            Some(Value::KvlistValue(list)) => list.values.iter().all(|a| key_fits(limits, a)),
            _ => true,
        }
    }
    attribute.key.len() <= limits.max_key_length && attribute.value.iter().all(|v| keys_fit(limits, v))
}

fn span_keeps_to(limits: &SpanLimits, span: &Span) -> bool {
    keeps_to(limits, &span.attributes)
        && span.events.iter().all(|e| keeps_to(limits, &e.attributes))
        && span.links.iter().all(|l| keeps_to(limits, &l.attributes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn good_spans_pass_and_bad_ids_are_cut(request in arbitrary::requests()) {
        let body = Bytes::from(request.encode_to_vec());
        let Validated { otlp, spans, rejections } = validator().validate(body.clone()).unwrap();
        let expected = keep(request.clone(), has_good_ids);
        prop_assert_eq!(spans, count(&expected));
        prop_assert_eq!(rejections.total(), count(&request) - count(&expected));
        if rejections.total() == 0 {
            prop_assert_eq!(otlp.as_ptr(), body.as_ptr());
        } else {
            // Prost writes what this message writes, so the cut message is what prost would write without the bad spans.
            prop_assert_eq!(&otlp[..], &expected.encode_to_vec()[..]);
            prop_assert!(accepts(&otlp));
        }
    }

    #[test]
    fn limits_reject_exactly_what_exceeds_them(
        request in arbitrary::requests(),
        limits in (0..4usize, 0..4usize, 0..16usize),
        from in 0..u64::MAX / 2,
    ) {
        let limits = SpanLimits { max_attributes: limits.0, max_value_depth: limits.1, max_key_length: limits.2 };
        let starts = TimeRange::new(UnixNanos(from), UnixNanos(from + u64::MAX / 2));
        let body = Bytes::from(request.encode_to_vec());
        let mut expected = request.clone();
        expected.resource_spans.retain(|r| r.resource.iter().all(|r| keeps_to(&limits, &r.attributes)));
        for group in &mut expected.resource_spans {
            group.scope_spans.retain(|s| s.scope.iter().all(|s| keeps_to(&limits, &s.attributes)));
        }
        let expected = keep(expected, |span| {
            has_good_ids(span)
                && span_keeps_to(&limits, span)
                && starts.contains(UnixNanos(span.start_time_unix_nano))
        });
        let validated = Validator::new(limits, starts).validate(body).unwrap();
        prop_assert_eq!(&validated.otlp[..], &expected.encode_to_vec()[..]);
        prop_assert_eq!(validated.spans, count(&expected));
        prop_assert_eq!(validated.rejections.total(), count(&request) - count(&expected));
    }

    #[test]
    fn both_judge_mutated_bytes_alike(
        request in arbitrary::requests(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let mut body = request.encode_to_vec();
        for (at, byte, how) in changes {
            if !body.is_empty() {
                let at = at.index(body.len());
                match how {
                    0 => body[at] ^= 1 << (byte % 8),
                    1 => body[at] = byte,
                    2 => drop(body.remove(at)),
                    _ => body.insert(at, byte),
                }
            }
        }
        let decoded = ExportTraceServiceRequest::decode(&body[..]);
        let prost_accepts = decoded.as_ref().is_ok_and(|r| keep(r.clone(), has_good_ids) == *r);
        let is_group = decoded.as_ref().is_err_and(|e| e.to_string().contains("StartGroup"));
        // A group under the number of a known field is skipped here; prost refuses it.
        prop_assert!(accepts(&body) == prost_accepts || is_group, "{:?} {:?}", decoded, body);
        if let Ok(validated) = validator().validate(body.into()) {
            prop_assert!(accepts(&validated.otlp));
            if !is_group {
                let kept = ExportTraceServiceRequest::decode(&validated.otlp[..]).unwrap();
                prop_assert_eq!(count(&kept), validated.spans);
                decode::spans(&validated.otlp).unwrap();
            }
        }
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = validator().validate(Bytes::from(bytes.clone()));
        let _ = json::to_protobuf(&bytes);
    }

    #[test]
    fn owned_spans_are_what_prost_reads(request in arbitrary::requests()) {
        let spans = decode::spans(&request.encode_to_vec()).unwrap();
        prop_assert_eq!(spans, request.resource_spans.iter().flat_map(spans_of_resource).collect::<Vec<_>>());
    }

    #[test]
    fn json_of_a_request_reads_as_the_request(request in arbitrary::requests()) {
        let text = serde_json::to_string(&request).unwrap();
        let message = json::to_protobuf(text.as_bytes()).unwrap();
        let back = ExportTraceServiceRequest::decode(&message[..]).unwrap();
        prop_assert_eq!(back, request);
    }
}

fn spans_of_resource(group: &ResourceSpans) -> Vec<domain::Span> {
    let origin = group.resource.clone().unwrap_or_default();
    let resource = Arc::new(domain::Resource {
        attributes: attributes(&origin.attributes),
        dropped_attributes_count: origin.dropped_attributes_count,
        schema_url: group.schema_url.as_str().into(),
    });
    group
        .scope_spans
        .iter()
        .flat_map(|scope| spans_of_scope(scope, &resource))
        .collect()
}

fn spans_of_scope(group: &ScopeSpans, resource: &Arc<domain::Resource>) -> Vec<domain::Span> {
    let origin = group.scope.clone().unwrap_or_default();
    let scope = Arc::new(domain::Scope {
        name: origin.name.as_str().into(),
        version: origin.version.as_str().into(),
        attributes: attributes(&origin.attributes),
        dropped_attributes_count: origin.dropped_attributes_count,
        schema_url: group.schema_url.as_str().into(),
    });
    group
        .spans
        .iter()
        .map(|span| domain_span(span, resource, &scope))
        .collect()
}

fn domain_span(span: &Span, resource: &Arc<domain::Resource>, scope: &Arc<domain::Scope>) -> domain::Span {
    let status = span.status.clone().unwrap_or_default();
    domain::Span {
        trace_id: decode::trace_id(&span.trace_id),
        span_id: decode::span_id(&span.span_id),
        parent_span_id: Some(decode::span_id(&span.parent_span_id)).filter(|id| !id.is_zero()),
        trace_state: span.trace_state.as_str().into(),
        flags: span.flags,
        name: span.name.as_str().into(),
        kind: SpanKind(span.kind),
        start: UnixNanos(span.start_time_unix_nano),
        end: UnixNanos(span.end_time_unix_nano),
        attributes: attributes(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span.events.iter().map(domain_event).collect(),
        dropped_events_count: span.dropped_events_count,
        links: span.links.iter().map(domain_link).collect(),
        dropped_links_count: span.dropped_links_count,
        status_code: StatusCode(status.code),
        status_message: status.message.as_str().into(),
        resource: resource.clone(),
        scope: scope.clone(),
    }
}

fn domain_event(event: &opentelemetry_proto::tonic::trace::v1::span::Event) -> domain::Event {
    domain::Event {
        time: UnixNanos(event.time_unix_nano),
        name: event.name.as_str().into(),
        attributes: attributes(&event.attributes),
        dropped_attributes_count: event.dropped_attributes_count,
    }
}

fn domain_link(link: &opentelemetry_proto::tonic::trace::v1::span::Link) -> domain::Link {
    domain::Link {
        trace_id: decode::trace_id(&link.trace_id),
        span_id: decode::span_id(&link.span_id),
        trace_state: link.trace_state.as_str().into(),
        attributes: attributes(&link.attributes),
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    }
}

fn attributes(list: &[KeyValue]) -> Vec<Attribute> {
    list.iter()
        .map(|a| Attribute {
            key: a.key.as_str().into(),
            value: a.value.as_ref().map(value).unwrap_or_default(),
        })
        .collect()
}

fn value(value: &AnyValue) -> AttrValue {
    match &value.value {
        None | Some(Value::StringValueStrindex(_)) => AttrValue::Empty,
        Some(Value::StringValue(text)) => AttrValue::from(text.as_str()),
        Some(Value::BoolValue(b)) => AttrValue::Bool(*b),
        Some(Value::IntValue(i)) => AttrValue::Int(*i),
        Some(Value::DoubleValue(d)) => AttrValue::Double(*d),
        Some(Value::BytesValue(bytes)) => AttrValue::Bytes(bytes.as_slice().into()),
        Some(Value::ArrayValue(list)) => AttrValue::Array(list.values.iter().map(self::value).collect()),
        Some(Value::KvlistValue(list)) => AttrValue::Map(attributes(&list.values)),
    }
}
