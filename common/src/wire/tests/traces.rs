//! Traces that are written without spans.

use crate::ids::{SpanId, TraceId};
use crate::otlp::view::ValueView;
use crate::query::{Answer, ScanStats};
use crate::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode};
use crate::time::UnixNanos;
use crate::value::{AttrValue, Attribute};
use crate::wire::{SentSpan, TracesWriter, decode_answer};
use std::sync::Arc;

const TRACE: TraceId = TraceId([7; 16]);
const STATS: ScanStats = ScanStats {
    blocks_considered: 1,
    blocks_scanned: 2,
    rows_scanned: 3,
    bytes_read: 400,
};

/// A `ResourceSpans` with the attribute `a` = "b" and the schema URL "u".
const RESOURCE: &[u8] = &[
    0x0a, 0x0a, 0x0a, 0x08, 0x0a, 0x01, b'a', 0x12, 0x03, 0x0a, 0x01, b'b', 0x1a, 0x01, b'u',
];
/// A `ScopeSpans` of the scope "n".
const SCOPE: &[u8] = &[0x0a, 0x03, 0x0a, 0x01, b'n'];
/// An `ArrayValue` of 5.
const ARRAY: &[u8] = &[0x0a, 0x02, 0x18, 0x05];
/// A `KeyValueList` with `k` = 5.
const MAP: &[u8] = &[0x0a, 0x07, 0x0a, 0x01, b'k', 0x12, 0x02, 0x18, 0x05];

/// Two traces; the first has a span with everything and one with nothing.
fn encoded() -> Vec<u8> {
    let mut out = TracesWriter::default();
    let (resource, scope) = (out.resource(RESOURCE), out.scope(SCOPE));
    assert_eq!((out.resource(RESOURCE), out.scope(b"")), (resource, scope + 1));
    let (none, some) = (
        out.keys([].into_iter()),
        out.keys([Some("x"), None, Some("y")].into_iter()),
    );
    out.trace(9, TRACE);
    let full = SentSpan {
        span_id: SpanId([1; 8]),
        parent: Some(SpanId([2; 8])),
        name: "name",
        kind: 3,
        start: 1_000,
        end: 1_500,
        resource,
        scope,
        trace_state: "state",
        status: 2,
        status_message: "broken",
        counts: [1, 2, 3, 4],
        events: 1,
        links: 1,
    };
    out.begin(&full);
    let values = [ValueView::Array(ARRAY), ValueView::Map(MAP), ValueView::Map(MAP)];
    out.attributes(some, values.into_iter());
    out.rest(&full);
    out.list(1);
    out.event(full.start, 1_100, "event", 6);
    out.attributes(none, [].into_iter());
    out.list(1);
    out.link(TRACE, SpanId([3; 8]), "", 5, 0);
    out.attributes(none, [].into_iter());
    let empty = SentSpan {
        scope: scope + 1,
        ..SentSpan::default()
    };
    out.begin(&empty);
    out.attributes(none, [].into_iter());
    out.rest(&empty);
    out.list(0);
    out.list(0);
    out.trace(8, TraceId([8; 16]));
    out.finish(STATS).unwrap()
}

fn full() -> Span {
    let five = || AttrValue::Int(5);
    let resource = Resource {
        attributes: vec![Attribute::new("a", "b")],
        schema_url: "u".into(),
        ..Resource::default()
    };
    Span {
        trace_id: TRACE,
        span_id: SpanId([1; 8]),
        parent_span_id: Some(SpanId([2; 8])),
        trace_state: "state".into(),
        flags: 1,
        name: "name".into(),
        kind: SpanKind(3),
        start: UnixNanos(1_000),
        end: UnixNanos(1_500),
        attributes: vec![
            Attribute::new("x", AttrValue::Array(vec![five()])),
            Attribute::new("k", five()),
            Attribute::new("y", AttrValue::Map(vec![Attribute::new("k", five())])),
        ],
        dropped_attributes_count: 2,
        events: vec![Event {
            time: UnixNanos(1_100),
            name: "event".into(),
            attributes: Vec::new(),
            dropped_attributes_count: 6,
        }],
        dropped_events_count: 3,
        links: vec![Link {
            trace_id: TRACE,
            span_id: SpanId([3; 8]),
            trace_state: "".into(),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            flags: 5,
        }],
        dropped_links_count: 4,
        status_code: StatusCode(2),
        status_message: "broken".into(),
        resource: Arc::new(resource),
        scope: Arc::new(Scope {
            name: "n".into(),
            ..Scope::default()
        }),
    }
}

#[test]
fn what_is_written_is_read() {
    let Answer::Traces { found, stats } = decode_answer(&encoded()).unwrap() else {
        panic!("no traces")
    };
    assert_eq!(stats, STATS);
    let heads: Vec<_> = found.iter().map(|found| (found.rank, found.trace.trace_id)).collect();
    assert_eq!(heads, [(9, TRACE), (8, TraceId([8; 16]))]);
    assert_eq!(found[0].trace.spans[0], full());
    let empty = Span {
        trace_id: TRACE,
        resource: full().resource,
        ..Span::default()
    };
    assert_eq!(found[0].trace.spans[1..], [empty]);
    assert!(found[1].trace.spans.is_empty());
}

#[test]
fn bytes_that_are_cut_off_or_changed_are_an_error_or_an_answer() {
    let whole = encoded();
    for end in 0..whole.len() {
        assert!(decode_answer(&whole[..end]).is_err(), "{end}");
    }
    for at in 0..whole.len() {
        for byte in [0, 1, 2, 9, 10, 11, 0x7f, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] = byte;
            let _ = decode_answer(&changed);
        }
    }
}

#[test]
fn what_is_no_otlp_is_refused() {
    let write = |origin: &'static [u8], value| {
        let mut out = TracesWriter::default();
        let (resource, scope) = (out.resource(origin), out.scope(SCOPE));
        let keys = out.keys([None].into_iter());
        out.trace(1, TRACE);
        let span = SentSpan {
            resource,
            scope,
            ..SentSpan::default()
        };
        out.begin(&span);
        out.attributes(keys, [value].into_iter());
        out.rest(&span);
        decode_answer(&out.finish(STATS).unwrap())
    };
    assert!(write(RESOURCE, ValueView::Map(MAP)).is_ok());
    assert!(write(&RESOURCE[1..], ValueView::Map(MAP)).is_err());
    assert!(write(RESOURCE, ValueView::Map(&MAP[1..])).is_err());
    assert!(
        write(RESOURCE, ValueView::Array(ARRAY)).is_err(),
        "an array is not many attributes"
    );
    assert!(write(RESOURCE, ValueView::Int(5)).is_err());
}
