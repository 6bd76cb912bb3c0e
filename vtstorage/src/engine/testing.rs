//! Random OTLP requests, and blocks in memory: for tests of the engine.

use super::block::{Block, BlockId, ChunkId, ChunkSource, EncodedBlock};
use super::error::StorageError;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// A start time that every generated span lies near: midday, so that a request stays in one day unless it wants not to.
pub(crate) const NOON: u64 = 1_790_000_000_000_000_000 / common::time::NANOS_PER_DAY * common::time::NANOS_PER_DAY
    + common::time::NANOS_PER_DAY / 2;

/// Chunks in a map.
#[derive(Default)]
pub(crate) struct MemoryChunks(HashMap<ChunkId, Bytes>);

impl ChunkSource for MemoryChunks {
    fn chunk(&self, _: u32, block: BlockId, chunk: ChunkId, _: bool) -> Result<Bytes, StorageError> {
        let missing = || StorageError::MissingChunk {
            block: block.0,
            chunk: chunk.to_string(),
        };
        self.0.get(&chunk).cloned().ok_or_else(missing)
    }
}

/// The block that a store would read back.
pub(crate) fn stored(encoded: EncodedBlock) -> Block {
    let header = super::block::BlockHeader::from_bytes(&encoded.header.to_bytes().unwrap()).unwrap();
    assert_eq!(header, encoded.header);
    let chunks = encoded
        .chunks
        .into_iter()
        .map(|(id, bytes)| (id, bytes.into()))
        .collect();
    Block {
        id: BlockId(1),
        day: encoded.day,
        header: Arc::new(header),
        chunks: Arc::new(MemoryChunks(chunks)),
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["http.route", "a", "b", "user.id", "", "größe"]).prop_map(String::from),
        1 => "[a-z]{1,6}",
    ]
}

fn scalar() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "x", "GET", "/api/v1/cart"]).prop_map(|s| Some(Value::StringValue(s.into()))),
        2 => "\\PC{0,12}".prop_map(|s| Some(Value::StringValue(s))),
        2 => (0i64..5).prop_map(|i| Some(Value::IntValue(i))),
        1 => any::<i64>().prop_map(|i| Some(Value::IntValue(i))),
        1 => any::<f64>().prop_map(|d| Some(Value::DoubleValue(d))),
        1 => any::<bool>().prop_map(|b| Some(Value::BoolValue(b))),
        1 => prop::collection::vec(any::<u8>(), 0..9).prop_map(|b| Some(Value::BytesValue(b))),
        1 => Just(None),
    ]
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = scalar().prop_map(|value| AnyValue { value });
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|values| AnyValue {
                value: Some(Value::ArrayValue(ArrayValue { values }))
            }),
            prop::collection::vec((key(), inner), 0..3).prop_map(|entries| {
                let values = entries.into_iter().map(|(k, v)| key_value(k, v)).collect();
                AnyValue {
                    value: Some(Value::KvlistValue(KeyValueList { values })),
                }
            }),
        ]
    })
}

fn key_value(key: String, value: AnyValue) -> KeyValue {
    KeyValue {
        key,
        value: Some(value),
        ..KeyValue::default()
    }
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::vec((key(), value()).prop_map(|(k, v)| key_value(k, v)), 0..6)
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), key(), attributes(), 0u32..2).prop_map(|(time_unix_nano, name, attributes, dropped)| Event {
        time_unix_nano,
        name,
        attributes,
        dropped_attributes_count: dropped,
    })
}

fn link() -> impl Strategy<Value = Link> {
    (0u8..6, 0u8..4, key(), attributes(), 0u32..3).prop_map(|(trace, span, trace_state, attributes, flags)| Link {
        trace_id: if trace == 5 { vec![] } else { vec![trace + 1; 16] },
        span_id: vec![span; 8],
        trace_state,
        attributes,
        flags,
        dropped_attributes_count: flags / 2,
    })
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (1u8..6, 1u8..9, 0u8..10);
    let times = (0u64..2_000_000, prop_oneof![0u64..5_000, any::<u64>()], 0u32..8);
    let lists = (
        attributes(),
        prop::collection::vec(event(), 0..3),
        prop::collection::vec(link(), 0..3),
    );
    (
        ids,
        times,
        lists,
        key(),
        0i32..7,
        prop::option::of((0i32..4, key())),
        (0u32..3, 0u32..2, key()),
    )
        .prop_map(
            |((trace, id, parent), (offset, length, day), (attributes, events, links), name, kind, status, rest)| {
                let start = NOON + offset + if day == 0 { common::time::NANOS_PER_DAY } else { 0 };
                let (flags, dropped, trace_state) = rest;
                Span {
                    trace_id: vec![trace; 16],
                    span_id: vec![id; 8],
                    parent_span_id: if parent == 0 { vec![] } else { vec![parent; 8] },
                    trace_state,
                    flags,
                    name,
                    kind,
                    start_time_unix_nano: start,
                    end_time_unix_nano: if length < 5_000 { start + length } else { length },
                    attributes,
                    dropped_attributes_count: dropped,
                    events,
                    dropped_events_count: dropped * 2,
                    links,
                    dropped_links_count: dropped * 3,
                    status: status.map(|(code, message)| Status { code, message }),
                }
            },
        )
}

/// A request with a few spans in a few groups.
pub(crate) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (key(), attributes(), 0u32..2).prop_map(|(name, attributes, dropped)| InstrumentationScope {
        version: name.clone(),
        name,
        attributes,
        dropped_attributes_count: dropped,
    });
    let scope_spans =
        (prop::option::of(scope), prop::collection::vec(span(), 0..6), key()).prop_map(|(scope, spans, schema_url)| {
            ScopeSpans {
                scope,
                spans,
                schema_url,
            }
        });
    let service = prop::option::of(prop::sample::select(vec!["cart", "frontend", ""]));
    let resource = (attributes(), service).prop_map(|(mut attributes, service)| {
        let name = service.map(|s| AnyValue {
            value: Some(Value::StringValue(s.into())),
        });
        attributes.extend(name.map(|name| key_value("service.name".into(), name)));
        Resource {
            attributes,
            ..Resource::default()
        }
    });
    let group = (
        prop::option::of(resource),
        prop::collection::vec(scope_spans, 0..3),
        key(),
    )
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans {
            resource,
            scope_spans,
            schema_url,
        });
    prop::collection::vec(group, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}
