//! What is written comes back, every field and type of it.

use super::bench::{Bench, assert_same_spans};
use super::spans::{SECOND, attr, bytes, noon, resource, scope, service, span, span_id, trace_id};
use common::ids::TraceId;
use common::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode, Trace};
use common::time::UnixNanos;
use common::value::{AttrValue, Attribute};

async fn round_trip(bench: &Bench, trace: u128, spans: Vec<Span>) {
    bench.write(&spans).await;
    comes_back(bench, trace, spans).await;
}

async fn comes_back(bench: &Bench, trace: u128, spans: Vec<Span>) {
    let got = bench.by_id(&[trace_id(trace)]).await;
    assert_eq!(got.len(), 1, "the trace is there");
    assert_same_spans(&got[0].spans, &Trace::new(trace_id(trace), spans).spans);
}

fn every_type() -> Vec<Attribute> {
    let map = AttrValue::Map(vec![attr("k", 1i64), attr("m", AttrValue::Map(vec![attr("x", false)]))]);
    vec![
        attr("str", "text"),
        attr("bool", true),
        attr("int", -5i64),
        attr("double", 72.5),
        attr("bytes", bytes(&[0, 255, 10])),
        attr(
            "array",
            AttrValue::Array(vec!["a".into(), 1i64.into(), 2.5.into(), AttrValue::Empty, bytes(&[1])]),
        ),
        attr("map", map),
        Attribute {
            key: "empty".into(),
            value: AttrValue::Empty,
        },
    ]
}

pub async fn every_field(bench: &Bench) {
    let start = noon();
    let events = (0..3).map(|n| Event {
        time: UnixNanos(start + n),
        name: format!("event {n}").into(),
        attributes: every_type(),
        dropped_attributes_count: n as u32,
    });
    let links = (0..3u64).map(|n| Link {
        trace_id: trace_id(u128::MAX - u128::from(n)),
        span_id: span_id(u64::MAX - n),
        trace_state: "v=1".into(),
        attributes: every_type(),
        dropped_attributes_count: 4,
        flags: 0x301,
    });
    let full = Span {
        parent_span_id: Some(span_id(0x1234_5678_9abc_def0)),
        trace_state: "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7".into(),
        flags: 0x0000_0101,
        kind: SpanKind::SERVER,
        attributes: every_type(),
        dropped_attributes_count: 1,
        events: events.collect(),
        dropped_events_count: 2,
        links: links.collect(),
        dropped_links_count: u32::MAX,
        status_code: StatusCode::ERROR,
        status_message: "it broke".into(),
        resource: Resource {
            attributes: every_type(),
            dropped_attributes_count: 9,
            schema_url: "https://opentelemetry.io/schemas/1.4.0".into(),
        }
        .into(),
        scope: Scope {
            name: "lib".into(),
            version: "1.2.3".into(),
            attributes: every_type(),
            dropped_attributes_count: 8,
            schema_url: "https://example.com/scope".into(),
        }
        .into(),
        ..span(1, 1, start)
    };
    round_trip(bench, 1, vec![full, span(1, 2, start)]).await;
}

pub async fn odd_values(bench: &Bench) {
    let start = noon();
    let numbers = vec![
        attr("max", i64::MAX),
        attr("min", i64::MIN),
        attr("nan", f64::NAN),
        attr("inf", f64::INFINITY),
        attr("-inf", f64::NEG_INFINITY),
        attr("-0", -0.0),
        attr("tiny", f64::MIN_POSITIVE / 8.0),
        attr("huge", f64::MAX),
    ];
    let repeated = vec![
        attr("k", 1i64),
        attr("k", "two"),
        attr("k", 3.0),
        attr("k", 1i64),
        attr("", "no key"),
    ];
    let mixed = [
        attr("v", 1i64),
        attr("v", "1"),
        attr("v", 1.0),
        attr("v", true),
        attr("v", bytes(b"1")),
    ];
    let mut deep = AttrValue::from("leaf");
    for level in 0..20 {
        deep = if level % 2 == 0 {
            AttrValue::Array(vec![deep])
        } else {
            AttrValue::Map(vec![attr("d", deep)])
        };
    }
    let mut spans = vec![
        Span {
            attributes: numbers,
            ..span(2, 1, start)
        },
        Span {
            attributes: repeated.clone(),
            resource: resource(repeated.clone()),
            ..span(2, 2, start)
        },
        Span {
            kind: SpanKind(77),
            status_code: StatusCode(-3),
            ..span(2, 3, start)
        },
        Span {
            end: UnixNanos(start - 5),
            ..span(2, 4, start)
        },
        Span {
            end: UnixNanos(0),
            ..span(2, 5, start)
        },
        Span {
            end: UnixNanos(u64::MAX),
            ..span(2, 6, start)
        },
        Span {
            name: "".into(),
            attributes: vec![attr("e", "")],
            ..span(2, 7, start)
        },
        Span {
            attributes: vec![attr("deep", deep)],
            ..span(2, 8, start)
        },
        Span {
            name: "naïve – 名前 \u{0}\u{1f}\"\\".into(),
            ..span(2, 9, start)
        },
        Span {
            flags: u32::MAX,
            dropped_attributes_count: u32::MAX,
            ..span(2, 10, start)
        },
        Span {
            links: vec![
                Link::default(),
                Link {
                    span_id: span_id(1),
                    ..Link::default()
                },
            ],
            ..span(2, 11, start)
        },
        Span {
            events: vec![
                Event::default(),
                Event {
                    time: UnixNanos(u64::MAX),
                    ..Event::default()
                },
            ],
            ..span(2, 12, start)
        },
        Span {
            span_id: span_id(u64::MAX),
            parent_span_id: Some(span_id(u64::MAX)),
            ..span(2, 0, start)
        },
        Span {
            events: vec![Event {
                attributes: repeated,
                ..Event::default()
            }],
            ..span(2, 13, start)
        },
    ];
    for (n, value) in mixed.into_iter().enumerate() {
        spans.push(Span {
            attributes: vec![value],
            ..span(2, 100 + n as u64, start)
        });
    }
    round_trip(bench, 2, spans).await;
}

/// Resources and scopes that differ in one field only stay apart.
pub async fn groups(bench: &Bench) {
    let start = noon();
    let plain = Resource {
        attributes: vec![attr("service.name", "shop")],
        ..Resource::default()
    };
    let resources = [
        Resource::default(),
        plain.clone(),
        Resource {
            schema_url: "x".into(),
            ..plain.clone()
        },
        Resource {
            dropped_attributes_count: 1,
            ..plain.clone()
        },
        Resource {
            attributes: vec![attr("service.name", 5i64)],
            ..Resource::default()
        },
        Resource {
            attributes: vec![attr("a", 1i64), attr("b", 2i64)],
            ..Resource::default()
        },
        Resource {
            attributes: vec![attr("b", 2i64), attr("a", 1i64)],
            ..Resource::default()
        },
    ];
    let scopes = [
        Scope::default(),
        Scope {
            name: "s".into(),
            ..Scope::default()
        },
        Scope {
            version: "s".into(),
            ..Scope::default()
        },
        Scope {
            schema_url: "s".into(),
            ..Scope::default()
        },
        Scope {
            dropped_attributes_count: 3,
            ..Scope::default()
        },
        Scope {
            attributes: vec![attr("a", 1i64)],
            ..Scope::default()
        },
        Scope {
            attributes: vec![attr("a", 1.0)],
            ..Scope::default()
        },
    ];
    let mut spans = Vec::new();
    for resource in resources {
        let resource = std::sync::Arc::new(resource);
        for scope in &scopes {
            let number = spans.len() as u64 + 1;
            let scope = std::sync::Arc::new(scope.clone());
            spans.push(Span {
                resource: resource.clone(),
                scope,
                ..span(3, number, start + number)
            });
        }
    }
    round_trip(bench, 3, spans).await;
}

/// One wide span, and more distinct keys than anybody keeps columns for.
pub async fn many_attributes(bench: &Bench) {
    let start = noon();
    let wide = (0..1_000).map(|n| attr(&format!("wide.{n}"), i64::from(n))).collect();
    let mut spans = vec![Span {
        attributes: wide,
        ..span(4, 1, start)
    }];
    for n in 0..3_000u64 {
        let attributes = vec![
            attr(&format!("rare.{n}"), n as f64),
            attr("common", format!("v{}", n % 7)),
        ];
        spans.push(Span {
            attributes,
            ..span(4, n + 2, start + n)
        });
    }
    round_trip(bench, 4, spans).await;
}

pub async fn long_texts(bench: &Bench) {
    let start = noon();
    let long = "0123456789abcdef".repeat(20_000);
    let spans = vec![
        Span {
            name: long.as_str().into(),
            ..span(5, 1, start)
        },
        Span {
            attributes: vec![attr("sql", long.as_str()), attr("blob", bytes(long.as_bytes()))],
            ..span(5, 2, start)
        },
        Span {
            status_message: long.as_str().into(),
            trace_state: long.as_str().into(),
            ..span(5, 3, start)
        },
        Span {
            events: vec![Event {
                name: long.as_str().into(),
                ..Event::default()
            }],
            ..span(5, 4, start)
        },
        Span {
            resource: service(&long),
            scope: scope(&long, &long),
            ..span(5, 5, start)
        },
    ];
    round_trip(bench, 5, spans).await;
}

/// As large as the large trace of Jaeger's own suite, in several requests.
pub async fn a_large_trace(bench: &Bench) {
    let start = noon();
    let resource = service("example-service-1");
    let spans: Vec<_> = (1..=10_008u64)
        .map(|n| Span {
            resource: resource.clone(),
            ..span(0x11, n, start + n * SECOND)
        })
        .collect();
    for part in spans.chunks(2_500) {
        bench.write(part).await;
    }
    assert_ne!(TraceId::default(), trace_id(0x11));
    comes_back(bench, 0x11, spans).await;
}
