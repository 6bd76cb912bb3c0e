//! Random spans, filters and plans from domains small enough that filters hold for some of the spans.

mod filters;

pub(crate) use filters::{filter, single_column};

use crate::engine::batch::{DecodeLimits, SpanBatch};
use crate::engine::block::{
    Block, BlockId, BlockOptions, CatalogueEntry, ChunkId, ChunkSource, PageCache, StoredBlock, encode,
};
use crate::engine::error::StorageError;
use bytes::Bytes;
use common::ids::{Epoch, SpanId, TenantId, TraceId};
use common::otlp::write::MessageWriter;
use common::query::logsql::regexp::Regexp;
use common::query::logsql::text::{PatternEnds, TextFilter, ValueType};
use common::query::{AttrLevel, Column, EventField, Filter, LinkField, Predicate, SpanField, TextMatch};
use common::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode};
use common::time::UnixNanos;
use common::value::{AttrValue, Attribute};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) const TENANT: TenantId = TenantId(7);

/// A day's noon: spans start within a second of it.
pub(crate) const NOON: u64 = 20_000 * 86_400_000_000_000 + 43_200_000_000_000;

/// The OTLP request with these spans, each under a resource and scope of its own.
pub(crate) fn otlp(spans: &[Span]) -> Vec<u8> {
    let mut out = MessageWriter::default();
    for span in spans {
        let group = out.open(1);
        let resource = out.open(1);
        write_attributes(&mut out, 1, &span.resource.attributes);
        out.varint(2, u64::from(span.resource.dropped_attributes_count));
        out.close(resource);
        let scope_group = out.open(2);
        let scope = out.open(1);
        out.bytes(1, span.scope.name.as_bytes());
        out.bytes(2, span.scope.version.as_bytes());
        write_attributes(&mut out, 3, &span.scope.attributes);
        out.close(scope);
        write_span(&mut out, span);
        out.close(scope_group);
        out.close(group);
    }
    out.finish()
}

fn write_span(out: &mut MessageWriter, span: &Span) {
    let open = out.open(2);
    out.bytes(1, &span.trace_id.0);
    out.bytes(2, &span.span_id.0);
    out.bytes(3, span.trace_state.as_bytes());
    if let Some(parent) = span.parent_span_id {
        out.bytes(4, &parent.0);
    }
    out.bytes(5, span.name.as_bytes());
    out.varint(6, i64::from(span.kind.0).cast_unsigned());
    out.fixed64(7, span.start.0);
    out.fixed64(8, span.end.0);
    write_attributes(out, 9, &span.attributes);
    out.varint(10, u64::from(span.dropped_attributes_count));
    for event in &span.events {
        let open = out.open(11);
        out.fixed64(1, event.time.0);
        out.bytes(2, event.name.as_bytes());
        write_attributes(out, 3, &event.attributes);
        out.varint(4, u64::from(event.dropped_attributes_count));
        out.close(open);
    }
    out.varint(12, u64::from(span.dropped_events_count));
    for link in &span.links {
        let open = out.open(13);
        out.bytes(1, &link.trace_id.0);
        out.bytes(2, &link.span_id.0);
        out.bytes(3, link.trace_state.as_bytes());
        write_attributes(out, 4, &link.attributes);
        out.varint(5, u64::from(link.dropped_attributes_count));
        out.fixed32(6, link.flags);
        out.close(open);
    }
    out.varint(14, u64::from(span.dropped_links_count));
    let status = out.open(15);
    out.bytes(2, span.status_message.as_bytes());
    out.varint(3, i64::from(span.status_code.0).cast_unsigned());
    out.close(status);
    out.fixed32(16, span.flags);
    out.close(open);
}

fn write_attributes(out: &mut MessageWriter, field: u32, attributes: &[Attribute]) {
    for attribute in attributes {
        let open = out.open(field);
        out.bytes(1, attribute.key.as_bytes());
        let value = out.open(2);
        write_value(out, &attribute.value);
        out.close(value);
        out.close(open);
    }
}

fn write_value(out: &mut MessageWriter, value: &AttrValue) {
    match value {
        AttrValue::Empty => {}
        AttrValue::Str(text) => out.bytes(1, text.as_bytes()),
        AttrValue::Bool(bool) => out.varint(2, u64::from(*bool)),
        AttrValue::Int(int) => out.varint(3, int.cast_unsigned()),
        AttrValue::Double(double) => out.fixed64(4, double.to_bits()),
        AttrValue::Array(values) => {
            let list = out.open(5);
            for value in values {
                let open = out.open(1);
                write_value(out, value);
                out.close(open);
            }
            out.close(list);
        }
        AttrValue::Map(entries) => {
            let list = out.open(6);
            write_attributes(out, 1, entries);
            out.close(list);
        }
        AttrValue::Bytes(bytes) => out.bytes(7, bytes),
    }
}

/// The spans as a batch that came in one request.
pub(crate) fn batch(spans: &[Span], max_columns: usize) -> SpanBatch {
    SpanBatch::decode(TENANT, Epoch(0), otlp(spans), DecodeLimits { max_columns }).unwrap()
}

/// A batch of another tenant with spans of the same traces.
pub(crate) fn strange_batch() -> SpanBatch {
    let attributes = vec![Attribute::new("stranger", "a"), Attribute::new("code", 500i64)];
    let span = |n: u8| Span {
        trace_id: trace_id(n),
        span_id: span_id(n),
        parent_span_id: Some(span_id(n + 1)),
        name: "stranger".into(),
        start: UnixNanos(NOON + u64::from(n)),
        end: UnixNanos(NOON + 10_000_000_000),
        attributes: attributes.clone(),
        resource: Arc::new(Resource {
            attributes: [vec![Attribute::new("service.name", "stranger")], attributes.clone()].concat(),
            ..Resource::default()
        }),
        scope: Arc::new(Scope {
            attributes: attributes.clone(),
            ..Scope::default()
        }),
        ..Span::default()
    };
    let spans: Vec<Span> = (1..8).map(span).collect();
    SpanBatch::decode(TenantId(3), Epoch(0), otlp(&spans), DecodeLimits::default()).unwrap()
}

/// Chunks in memory, and what queries keep of them.
struct Chunks(HashMap<ChunkId, Bytes>, PageCache);

impl ChunkSource for Chunks {
    fn chunk(&self, _: u32, block: BlockId, chunk: ChunkId, _: bool) -> Result<Bytes, StorageError> {
        let missing = || StorageError::MissingChunk {
            block: block.0,
            chunk: chunk.to_string(),
        };
        self.0.get(&chunk).cloned().ok_or_else(missing)
    }

    fn pages(&self) -> Option<&PageCache> {
        Some(&self.1)
    }
}

/// The batches as blocks in memory, numbered from `first`, and what they add to the catalogue.
pub(crate) fn blocks(
    batches: &[Arc<SpanBatch>],
    max_columns: usize,
    first: u64,
) -> (Vec<Arc<StoredBlock>>, Vec<CatalogueEntry>) {
    let options = BlockOptions {
        max_columns,
        ..BlockOptions::default()
    };
    let (mut blocks, mut catalogue) = (Vec::new(), Vec::new());
    for (number, block) in (first..).zip(encode(batches, &options).unwrap()) {
        let chunks = block.chunks.into_iter().map(|(id, bytes)| (id, bytes.into())).collect();
        catalogue.extend(block.catalogue);
        blocks.push(Arc::new(StoredBlock::from(Block {
            id: BlockId(number),
            day: block.day,
            header: Arc::new(block.header),
            chunks: Arc::new(Chunks(chunks, PageCache::new(1 << 20))),
        })));
    }
    (blocks, catalogue)
}

const TEXTS: [&str; 9] = ["", "a", "ab", "aba", "shop", "500", "0.5", "true", "/api/orders/17"];
const KEYS: [&str; 4] = ["k", "code", "service.name", "http.route"];

fn text() -> impl Strategy<Value = Arc<str>> {
    select(&TEXTS[..]).prop_map(Arc::from)
}

fn int() -> impl Strategy<Value = i64> {
    select(vec![0, 1, -1, 500, (1 << 53) + 1, i64::MIN, i64::MAX])
}

fn double() -> impl Strategy<Value = f64> {
    select(vec![0.0, -0.0, 0.5, 500.0, -1.0, f64::NAN, f64::INFINITY, 1e300])
}

fn value() -> impl Strategy<Value = AttrValue> {
    prop_oneof![
        8 => text().prop_map(AttrValue::Str),
        4 => int().prop_map(AttrValue::Int),
        2 => double().prop_map(AttrValue::Double),
        1 => any::<bool>().prop_map(AttrValue::Bool),
        1 => Just(AttrValue::Empty),
        1 => Just(AttrValue::Bytes(Arc::from(&b"ab"[..]))),
        1 => text().prop_map(|t| AttrValue::Array(vec![AttrValue::Str(t), AttrValue::Int(1)])),
        1 => text().prop_map(|t| AttrValue::Map(vec![Attribute { key: "k".into(), value: AttrValue::Str(t) }])),
    ]
}

/// Attributes most of which have the type that others with their key have.
fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let typed = prop_oneof![
        text().prop_map(|t| Attribute {
            key: "k".into(),
            value: AttrValue::Str(t)
        }),
        int().prop_map(|i| Attribute {
            key: "code".into(),
            value: AttrValue::Int(i)
        }),
        text().prop_map(|t| Attribute {
            key: "service.name".into(),
            value: AttrValue::Str(t)
        }),
    ];
    let any = (select(&KEYS[..]), value()).prop_map(|(key, value)| Attribute { key: key.into(), value });
    vec(prop_oneof![4 => typed, 1 => any], 0..4)
}

fn small_id() -> impl Strategy<Value = u8> {
    0..6u8
}

fn trace_id(n: u8) -> TraceId {
    TraceId([n; 16])
}

fn span_id(n: u8) -> SpanId {
    SpanId([n; 8])
}

fn count() -> impl Strategy<Value = u32> {
    select(vec![0, 0, 0, 1, u32::MAX])
}

fn nanos() -> impl Strategy<Value = u64> {
    prop_oneof![0..20u64, (0..1_000u64).prop_map(|ms| ms * 1_000_000)]
}

prop_compose! {
    fn event()(
        name in text(), time in nanos(), attributes in attributes(), dropped in count(),
    ) -> Event {
        Event { time: UnixNanos(NOON + time), name, attributes, dropped_attributes_count: dropped }
    }
}

prop_compose! {
    fn link()(
        trace in small_id(), span in small_id(), trace_state in text(), attributes in attributes(),
        dropped in count(), flags in count(),
    ) -> Link {
        Link {
            trace_id: trace_id(trace), span_id: span_id(span), trace_state, attributes,
            dropped_attributes_count: dropped, flags,
        }
    }
}

prop_compose! {
    fn origins()(
        resource in attributes(), scope in attributes(), name in text(), version in text(),
    ) -> (Arc<Resource>, Arc<Scope>) {
        let resource = Resource { attributes: resource, ..Resource::default() };
        let scope = Scope { name, version, attributes: scope, ..Scope::default() };
        (Arc::new(resource), Arc::new(scope))
    }
}

prop_compose! {
    fn span()(
        ids in (1..6u8, 1..40u8, 0..40u8),
        texts in (text(), text(), text()),
        numbers in (0..7i32, 0..4i32, nanos(), -5..1_000i64, count()),
        lists in (attributes(), vec(event(), 0..3), vec(link(), 0..3)),
        dropped in (count(), count(), count()),
        origins in origins(),
    ) -> Span {
        let start = NOON + numbers.2;
        Span {
            trace_id: trace_id(ids.0),
            span_id: span_id(ids.1),
            parent_span_id: (ids.2 != 0).then(|| span_id(ids.2)),
            name: texts.0,
            trace_state: texts.1,
            status_message: texts.2,
            kind: SpanKind(numbers.0),
            status_code: StatusCode(numbers.1),
            start: UnixNanos(start),
            end: UnixNanos(start.saturating_add_signed(numbers.3)),
            flags: numbers.4,
            attributes: lists.0,
            events: lists.1,
            links: lists.2,
            dropped_attributes_count: dropped.0,
            dropped_events_count: dropped.1,
            dropped_links_count: dropped.2,
            resource: origins.0,
            scope: origins.1,
        }
    }
}

/// Spans of a few traces, some under the same resource.
pub(crate) fn spans(most: usize) -> BoxedStrategy<Vec<Span>> {
    (vec(span(), 1..most), vec(origins(), 1..4))
        .prop_map(|(mut spans, origins)| {
            for (i, span) in spans.iter_mut().enumerate() {
                if i % 4 != 0 {
                    (span.resource, span.scope) = origins[i % origins.len()].clone();
                }
            }
            spans
        })
        .boxed()
}
