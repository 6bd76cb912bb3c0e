//! Each row of the mapping, and the conformance pair where it is at hand.

use super::*;
use common::ids::SpanId;
use common::span::{Event, Link, Resource, Scope, SpanKind, StatusCode};
use common::time::UnixNanos;
use common::value::{AttrValue, Attribute};
use serde_json::{Value, json};

fn rendered(spans: &[Span]) -> Value {
    let mut out = Vec::new();
    TraceWriter::new(true, false).write(&mut out, TraceId(0xabu128.to_be_bytes()), spans);
    serde_json::from_slice(&out).unwrap()
}

fn span() -> Span {
    Span {
        trace_id: TraceId(0xabu128.to_be_bytes()),
        span_id: SpanId(2u64.to_be_bytes()),
        name: "GET /".into(),
        start: UnixNanos(1_485_467_191_639_875_139),
        end: UnixNanos(1_485_467_191_639_880_138),
        ..Span::default()
    }
}

fn resource(attributes: Vec<Attribute>) -> std::sync::Arc<Resource> {
    Resource {
        attributes,
        ..Resource::default()
    }
    .into()
}

#[test]
fn a_bare_span_has_empty_lists_and_no_null_but_warnings() {
    assert_eq!(
        rendered(&[span()]),
        json!({
            "traceID": "00000000000000ab",
            "spans": [{
                "traceID": "00000000000000ab", "spanID": "0000000000000002", "operationName": "GET /",
                "references": [], "startTime": 1_485_467_191_639_875u64, "duration": 4,
                "tags": [], "logs": [], "processID": "p1", "warnings": null,
            }],
            "processes": {"p1": {"serviceName": "OTLPResourceNoServiceName", "tags": []}},
            "warnings": null,
        })
    );
}

#[test]
fn tags_come_in_order_with_their_types() {
    let span = Span {
        kind: SpanKind::SERVER,
        status_code: StatusCode::ERROR,
        status_message: "boom".into(),
        trace_state: "a=b".into(),
        attributes: vec![
            Attribute::new("str", "x"),
            Attribute::new("int", 9_007_199_254_740_991i64),
            Attribute::new("big", -9_223_372_036_854_775_808i64),
            Attribute::new("double", 72.5),
            Attribute::new("nan", f64::NAN),
            Attribute::new("bool", true),
            Attribute {
                key: "bytes".into(),
                value: AttrValue::Bytes([0, 0, 0x30, 0x39].as_slice().into()),
            },
            Attribute {
                key: "list".into(),
                value: AttrValue::Array(vec!["a".into(), 1i64.into()]),
            },
            Attribute {
                key: "map".into(),
                value: AttrValue::Map(vec![Attribute::new("k", false)]),
            },
            Attribute {
                key: "none".into(),
                value: AttrValue::Empty,
            },
            Attribute {
                key: WARNINGS.into(),
                value: AttrValue::Array(vec!["careful".into()]),
            },
        ],
        scope: Scope {
            name: "lib".into(),
            version: "1".into(),
            ..Scope::default()
        }
        .into(),
        ..span()
    };
    let trace = rendered(&[span]);
    let tag = |key: &str, kind: &str, value: Value| json!({"key": key, "type": kind, "value": value});
    assert_eq!(
        trace["spans"][0]["tags"],
        json!([
            tag("otel.scope.name", "string", json!("lib")),
            tag("otel.scope.version", "string", json!("1")),
            tag("str", "string", json!("x")),
            tag("int", "int64", json!(9_007_199_254_740_991i64)),
            tag("big", "int64", json!("-9223372036854775808")),
            tag("double", "float64", json!(72.5)),
            tag("nan", "float64", json!("NaN")),
            tag("bool", "bool", json!(true)),
            tag("bytes", "binary", json!("AAAwOQ==")),
            tag("list", "string", json!("[\"a\",1]")),
            tag("map", "string", json!("{\"k\":false}")),
            tag("none", "string", json!("")),
            tag("span.kind", "string", json!("server")),
            tag("otel.status_code", "string", json!("ERROR")),
            tag("error", "bool", json!(true)),
            tag("otel.status_description", "string", json!("boom")),
            tag("w3c.tracestate", "string", json!("a=b")),
        ])
    );
    assert_eq!(trace["spans"][0]["warnings"], json!(["careful"]));
}

#[test]
fn ok_is_a_status_code_and_unknown_kinds_are_no_tag() {
    let trace = rendered(&[Span {
        status_code: StatusCode::OK,
        kind: SpanKind(77),
        ..span()
    }]);
    assert_eq!(
        trace["spans"][0]["tags"],
        json!([{"key": "otel.status_code", "type": "string", "value": "OK"}])
    );
}

#[test]
fn the_parent_is_the_first_reference_and_a_link_to_it_only_changes_its_type() {
    let link = |trace: u128, span: u64, ref_type: Option<&str>| Link {
        trace_id: TraceId(trace.to_be_bytes()),
        span_id: SpanId(span.to_be_bytes()),
        attributes: ref_type
            .map(|t| Attribute::new("opentracing.ref_type", t))
            .into_iter()
            .collect(),
        ..Link::default()
    };
    let parent = Some(SpanId(1u64.to_be_bytes()));
    let reference = |kind: &str, trace: &str, span: &str| json!({"refType": kind, "traceID": trace, "spanID": span});
    let child_of_parent = reference("CHILD_OF", "00000000000000ab", "0000000000000001");

    let links = vec![link(0xff, 3, Some("child_of")), link(1 << 64, 4, None)];
    let trace = rendered(&[Span {
        parent_span_id: parent,
        links,
        ..span()
    }]);
    assert_eq!(
        trace["spans"][0]["references"],
        json!([
            child_of_parent,
            reference("CHILD_OF", "00000000000000ff", "0000000000000003"),
            reference("FOLLOWS_FROM", "00000000000000010000000000000000", "0000000000000004"),
        ])
    );

    let trace = rendered(&[Span {
        parent_span_id: parent,
        links: vec![link(0xab, 1, None)],
        ..span()
    }]);
    let follows = reference("FOLLOWS_FROM", "00000000000000ab", "0000000000000001");
    assert_eq!(trace["spans"][0]["references"], json!([follows]));
}

#[test]
fn events_are_logs_whose_first_field_is_their_name() {
    let event = |name: &str, attributes| Event {
        time: UnixNanos(5_999),
        name: name.into(),
        attributes,
        ..Event::default()
    };
    let events = vec![
        event("a", vec![Attribute::new("x", 1i64)]),
        event("b", vec![Attribute::new("event", "own")]),
        event("", vec![]),
    ];
    let trace = rendered(&[Span { events, ..span() }]);
    let text = |key: &str, value: &str| json!({"key": key, "type": "string", "value": value});
    assert_eq!(
        trace["spans"][0]["logs"],
        json!([
            {"timestamp": 5, "fields": [text("event", "a"), {"key": "x", "type": "int64", "value": 1}]},
            {"timestamp": 5, "fields": [text("event", "own")]},
            {"timestamp": 5, "fields": []},
        ])
    );
}

#[test]
fn processes_are_told_apart_by_content_and_numbered_per_trace() {
    let attributes = || {
        vec![
            Attribute::new("z", 1i64),
            Attribute::new("service.name", "shop"),
            Attribute::new("a", 2i64),
        ]
    };
    let spans = [
        Span {
            resource: resource(vec![Attribute::new("only", "tag")]),
            ..span()
        },
        Span {
            resource: resource(attributes()),
            ..span()
        },
        Span {
            resource: resource(attributes()),
            ..span()
        },
    ];
    let mut writer = TraceWriter::new(true, false);
    let mut numbers = Vec::new();
    for spans in [&spans[..], &spans[2..]] {
        let mut out = Vec::new();
        writer.write(&mut out, TraceId::default(), spans);
        let trace: Value = serde_json::from_slice(&out).unwrap();
        numbers.push(
            trace["spans"]
                .as_array()
                .unwrap()
                .iter()
                .map(|s| s["processID"].clone())
                .collect::<Vec<_>>(),
        );
        let last = trace["processes"].as_object().unwrap().values().next_back().unwrap();
        let int = |key: &str, value: i64| json!({"key": key, "type": "int64", "value": value});
        assert_eq!(
            *last,
            json!({"serviceName": "shop", "tags": [int("a", 2), int("z", 1)]})
        );
    }
    assert_eq!(json!(numbers), json!([["p1", "p2", "p2"], ["p1"]]));
}

#[test]
fn a_resource_without_a_service_has_an_empty_name_and_a_negative_duration_is_zero() {
    let trace = rendered(&[Span {
        resource: resource(vec![Attribute::new("a", "b")]),
        end: UnixNanos(0),
        ..span()
    }]);
    assert_eq!(trace["processes"]["p1"]["serviceName"], json!(""));
    assert_eq!(trace["spans"][0]["duration"], json!(0));
}
