//! Each repair on the smallest trace that needs it.

use super::*;
use common::ids::{SpanId, TraceId};
use common::span::{Event, Link, Resource, SpanKind};
use common::time::UnixNanos;
use std::sync::Arc;

fn id(number: u64) -> SpanId {
    SpanId(number.to_be_bytes())
}

fn span(number: u64, parent: u64, start: u64, end: u64) -> Span {
    Span {
        span_id: id(number),
        parent_span_id: Some(id(parent)).filter(|id| !id.is_zero()),
        start: UnixNanos(start),
        end: UnixNanos(end),
        ..Span::default()
    }
}

fn on_host(host: &str, span: Span) -> Span {
    let attributes = vec![Attribute::new("host.name", host)];
    Span {
        resource: Resource {
            attributes,
            ..Resource::default()
        }
        .into(),
        ..span
    }
}

fn warnings(span: &Span) -> Vec<String> {
    match common::value::find(&span.attributes, WARNINGS) {
        Some(AttrValue::Array(texts)) => texts.iter().map(AttrValue::to_text).collect(),
        _ => Vec::new(),
    }
}

const OFF: Duration = Duration::ZERO;

#[test]
fn a_server_with_its_clients_id_becomes_the_clients_child() {
    let mut spans = [
        Span {
            kind: SpanKind::CLIENT,
            ..span(7, 0, 0, 10)
        },
        Span {
            kind: SpanKind::SERVER,
            ..span(7, 0, 1, 9)
        },
        span(1, 7, 2, 8),
    ];
    standard(&mut spans, OFF);
    let ids: Vec<_> = spans.iter().map(|s| (s.span_id, s.parent_span_id)).collect();
    assert_eq!(ids, [(id(7), None), (id(2), Some(id(7))), (id(1), Some(id(2)))]);
    assert!(spans.iter().all(|span| warnings(span).is_empty()));
}

#[test]
fn attributes_are_ordered_by_key_and_events_by_time() {
    let keys = |names: &[&str]| names.iter().map(|name| Attribute::new(*name, 1i64)).collect::<Vec<_>>();
    let event = |time, names: &[&str]| Event {
        time: UnixNanos(time),
        attributes: keys(names),
        ..Event::default()
    };
    let mut spans = [Span {
        attributes: keys(&["b", "a"]),
        events: vec![event(2, &["y", "x"]), event(1, &[])],
        ..span(1, 0, 0, 1)
    }];
    standard(&mut spans, OFF);
    assert_eq!(spans[0].attributes, keys(&["a", "b"]));
    assert_eq!(spans[0].events, [event(1, &[]), event(2, &["x", "y"])]);
}

#[test]
fn skew_between_hosts_is_only_warned_about_by_default() {
    let mut spans = [
        on_host("a", span(1, 0, 1_000, 3_000)),
        on_host("b", span(2, 1, 500, 1_500)),
    ];
    let before = spans.clone();
    standard(&mut spans, OFF);
    assert_eq!((spans[1].start, spans[1].end), (before[1].start, before[1].end));
    assert_eq!(
        warnings(&spans[1]),
        ["clock skew adjustment disabled; not applying calculated delta of 1µs"]
    );
    assert!(warnings(&spans[0]).is_empty());
}

#[test]
fn skew_within_the_bound_moves_the_child_and_all_of_its_host() {
    let child = Span {
        events: vec![Event {
            time: UnixNanos(600),
            ..Event::default()
        }],
        ..span(2, 1, 500, 1_500)
    };
    let spans = [
        on_host("a", span(1, 0, 1_000, 3_000)),
        on_host("b", child),
        on_host("b", span(3, 2, 700, 900)),
    ];

    let mut moved = spans.clone();
    standard(&mut moved, Duration::from_micros(1));
    assert_eq!(
        (moved[1].start.0, moved[1].end.0, moved[1].events[0].time.0),
        (1_500, 2_500, 1_600)
    );
    assert_eq!((moved[2].start.0, moved[2].end.0), (1_700, 1_900));
    assert_eq!(warnings(&moved[2]), ["This span's timestamps were adjusted by 1µs"]);

    let mut kept = spans.clone();
    standard(&mut kept, Duration::from_nanos(999));
    assert_eq!(kept[1].start, spans[1].start);
    let text = "max clock skew adjustment delta of 999ns exceeded; not applying calculated delta of 1µs";
    assert_eq!(warnings(&kept[1]), [text]);
}

#[test]
fn a_child_that_fits_or_shares_the_host_stays() {
    let mut spans = [
        on_host("a", span(1, 0, 1_000, 3_000)),
        on_host("b", span(2, 1, 1_000, 3_000)),
        on_host("a", span(3, 1, 500, 1_500)),
    ];
    standard(&mut spans, Duration::from_secs(1));
    assert!(spans.iter().all(|span| warnings(span).is_empty()));
}

#[test]
fn a_longer_child_is_only_moved_behind_its_parents_start() {
    let mut spans = [
        span(1, 0, 1_000, 2_000),
        span(2, 1, 900, 9_000),
        span(3, 1, 1_500, 9_000),
    ];
    standard(&mut spans, Duration::from_secs(1));
    assert_eq!((spans[1].start.0, spans[1].end.0), (1_000, 9_100));
    assert_eq!(spans[2].start.0, 1_500);
}

#[test]
fn orphans_repeated_ids_and_cycles_are_survived() {
    let mut spans = [
        span(1, 9, 0, 1),
        span(1, 0, 2, 3),
        span(4, 5, 0, 1),
        span(5, 4, 0, 1),
        span(6, 6, 0, 1),
    ];
    standard(&mut spans, OFF);
    let orphan = "parent span ID=0000000000000009 is not in the trace; skipping clock skew adjustment";
    assert_eq!(warnings(&spans[0]), [orphan]);
    assert_eq!(
        warnings(&spans[1]),
        ["duplicate span IDs; skipping clock skew adjustment"]
    );
    assert!(spans[2..].iter().all(|span| warnings(span).is_empty()));
}

#[test]
fn a_deep_trace_needs_no_deep_stack() {
    let mut spans: Vec<_> = (1..=100_000)
        .map(|n| on_host(&n.to_string(), span(n, n - 1, 10 * n, 10 * n + 1)))
        .collect();
    standard(&mut spans, OFF);
    assert_eq!(warnings(&spans[99_999]).len(), 1);
}

#[test]
fn addresses_get_dots() {
    let stored = vec![
        Attribute::new("ip", (1i64 << 24) | (2 << 16) | (3 << 8) | 4),
        Attribute::new("n", 5i64),
        Attribute::new("peer.ipv4", f64::from(0x0a000001)),
    ];
    let resource = Arc::new(Resource {
        attributes: stored.clone(),
        ..Resource::default()
    });
    let bare = Span {
        attributes: stored,
        resource,
        ..span(1, 0, 0, 1)
    };
    let mut spans = [bare.clone(), Span { span_id: id(2), ..bare }];
    standard(&mut spans, OFF);
    let dotted = [
        Attribute::new("ip", "1.2.3.4"),
        Attribute::new("n", 5i64),
        Attribute::new("peer.ipv4", "10.0.0.1"),
    ];
    for span in &spans {
        assert_eq!(span.attributes, dotted);
        assert_eq!(span.resource.attributes, dotted);
    }
    assert!(Arc::ptr_eq(&spans[0].resource, &spans[1].resource));
}

#[test]
fn library_attributes_move_to_the_resource_of_all_its_spans() {
    let resource = Arc::new(Resource {
        attributes: vec![Attribute::new("service.name", "shop")],
        ..Resource::default()
    });
    let named = |number, name: &str| Span {
        attributes: vec![
            Attribute::new("telemetry.sdk.name", name),
            Attribute::new("telemetry.sdk.other", 1i64),
        ],
        resource: resource.clone(),
        ..span(number, 0, 0, 1)
    };
    let bare = Span {
        resource: resource.clone(),
        ..span(3, 0, 0, 1)
    };
    let mut spans = [named(1, "otel"), named(2, "other"), bare];
    standard(&mut spans, OFF);
    for span in &spans {
        assert_eq!(
            span.resource.attributes[1],
            Attribute::new("telemetry.sdk.name", "otel")
        );
    }
    assert_eq!(spans[0].attributes, [Attribute::new("telemetry.sdk.other", 1i64)]);
    assert_eq!(warnings(&spans[0]), Vec::<String>::new());
    let conflict = "conflicting values between Span and Resource for attribute telemetry.sdk.name";
    assert_eq!(warnings(&spans[1]), [conflict]);
    assert_eq!(spans[1].attributes[0], Attribute::new("telemetry.sdk.name", "other"));
}

#[test]
fn links_without_a_trace_are_removed() {
    let link = |trace: u128| Link {
        trace_id: TraceId(trace.to_be_bytes()),
        ..Link::default()
    };
    let mut spans = [Span {
        links: vec![link(0), link(1), link(0)],
        ..span(1, 0, 0, 1)
    }];
    standard(&mut spans, OFF);
    assert_eq!(spans[0].links, [link(1)]);
    assert_eq!(
        warnings(&spans[0]),
        ["Invalid span link removed", "Invalid span link removed"]
    );
}
