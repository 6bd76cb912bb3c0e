//! What the tests of the store share: spans to write, and a picture of all that is stored.

use super::config::{StorageConfig, WalSync};
use super::engine::Engine;
use super::environment::Environment;
use super::keys;
use super::partition::PartitionState;
use super::rocks;
use super::view::View;
use super::wal;
use crate::engine::batch::{DecodeLimits, SpanBatch, SpanReader};
use crate::engine::block::BlockId;
use bytes::Bytes;
use clap::Parser;
use common::contract::{BatchWrite, SpanSink, WriteError};
use common::ids::{RequestId, SpanId, TenantId, TraceId};
use common::time::{NANOS_PER_DAY, UnixNanos};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use rocksdb::{IteratorMode, ReadOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The day that tests play on.
pub(crate) const TODAY: u32 = 20_777;

/// Noon of [`TODAY`].
pub(crate) fn noon() -> UnixNanos {
    UnixNanos(u64::from(TODAY) * NANOS_PER_DAY + NANOS_PER_DAY / 2)
}

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    storage: StorageConfig,
}

/// Default flags with some others, over a directory.
pub(crate) fn config(path: &Path, flags: &[&str]) -> StorageConfig {
    let path = format!("--storageDataPath={}", path.display());
    let all = ["test", &path, "--storage.queryThreads=1"]
        .into_iter()
        .chain(flags.iter().copied());
    let config = Flags::parse_from(all).storage;
    assert_eq!(
        config.storage_wal_sync == WalSync::Always,
        flags.contains(&"--storage.walSync=always")
    );
    config
}

/// A world in which it is noon.
pub(crate) fn environment() -> Environment {
    Environment {
        now: Arc::new(noon),
        ..Environment::default()
    }
}

pub(crate) fn open(path: &Path, flags: &[&str]) -> Arc<Engine> {
    Engine::open_in(config(path, flags), environment()).unwrap()
}

/// A span to write: its number is in its ids and its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestSpan {
    pub(crate) trace: u64,
    pub(crate) span: u64,
    pub(crate) start: UnixNanos,
}

pub(crate) fn trace_id(trace: u64) -> TraceId {
    TraceId((u128::from(trace) + 1).to_be_bytes())
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue {
        value: Some(Value::StringValue(value.into())),
    });
    KeyValue {
        key: key.into(),
        value,
        ..KeyValue::default()
    }
}

/// A text that does not compress, so that a block has chunks.
fn noise(number: u64) -> String {
    let word = |i: u64| {
        (number * 8 + i + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
            .wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    (0..8).map(|i| format!("{:016x}", word(i))).collect()
}

/// A message of these spans, of one service.
pub(crate) fn message(service: &str, spans: impl IntoIterator<Item = TestSpan>) -> Bytes {
    let span = |s: TestSpan| Span {
        trace_id: trace_id(s.trace).0.to_vec(),
        span_id: (s.span + 1).to_be_bytes().to_vec(),
        name: format!("name {}", s.span % 5),
        kind: 2,
        start_time_unix_nano: s.start.0,
        end_time_unix_nano: s.start.0 + 1_000_000,
        attributes: vec![text("number", &s.span.to_string()), text("noise", &noise(s.span))],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans {
        spans: spans.into_iter().map(span).collect(),
        ..ScopeSpans::default()
    }];
    let resource = Some(Resource {
        attributes: vec![text("service.name", service)],
        ..Resource::default()
    });
    let resource_spans = vec![ResourceSpans {
        resource,
        scope_spans,
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

/// Spans with numbers from `first`, of traces of `per_trace` spans, starting a millisecond apart from noon on.
pub(crate) fn spans(first: u64, count: u64, per_trace: u64) -> impl Iterator<Item = TestSpan> + Clone {
    (first..first + count).map(move |span| TestSpan {
        trace: span / per_trace,
        span,
        start: UnixNanos(noon().0 + span * 1_000_000),
    })
}

pub(crate) fn batch(otlp: Bytes) -> BatchWrite {
    let tenant = TenantId(0);
    BatchWrite {
        tenant,
        request_id: RequestId::of(tenant, &otlp),
        otlp,
    }
}

pub(crate) async fn write(engine: &Engine, otlp: Bytes) -> Result<(), WriteError> {
    engine.write(batch(otlp)).await
}

/// How often each span is in a view.
pub(crate) type Counts = BTreeMap<(TraceId, SpanId), usize>;

pub(crate) fn counts(view: &View) -> Counts {
    let mut counts = Counts::new();
    let mut count = |batch: &SpanBatch| {
        let mut reader = SpanReader::new(batch);
        for row in 0..batch.rows.len() {
            let span = reader.span(row).unwrap();
            assert_eq!(
                &*span.name,
                format!("name {}", (u64::from_be_bytes(span.span_id.0) - 1) % 5)
            );
            *counts.entry((span.trace_id, span.span_id)).or_default() += 1;
        }
    };
    view.batches().for_each(|head| count(&head.batch));
    for block in view.blocks() {
        let block = block.open().unwrap();
        block.to_batches().unwrap().iter().for_each(&mut count);
    }
    counts
}

/// Asserts that a view has these spans, each once, and nothing else.
pub(crate) fn assert_holds(view: &View, spans: impl IntoIterator<Item = TestSpan>) {
    let id = |s: TestSpan| ((trace_id(s.trace), SpanId((s.span + 1).to_be_bytes())), 1);
    let expected = spans.into_iter().map(id).collect::<Counts>();
    let counts = counts(view);
    assert_eq!(counts.len(), expected.len());
    assert_eq!(counts, expected);
}

/// Asserts that the index names exactly the blocks in which a trace is.
pub(crate) fn assert_indexed(engine: &Engine, traces: impl IntoIterator<Item = u64>) {
    let view = engine.view();
    for trace in traces {
        let id = trace_id(trace);
        let found = engine.blocks_of_trace(&view, TenantId(0), id.hash()).unwrap();
        let found = found
            .iter()
            .map(|block| block.id)
            .collect::<std::collections::BTreeSet<_>>();
        let holds = |batches: Vec<SpanBatch>| batches.iter().any(|b| b.rows.iter().any(|row| row.trace_id == id));
        let having = view
            .blocks()
            .filter(|block| holds(block.open().unwrap().to_batches().unwrap()))
            .map(|block| block.id)
            .collect();
        assert_eq!(found, having, "trace {trace}");
    }
}

/// All keys and values of a column family.
pub(crate) fn entries(engine: &Engine, family: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rocks = &engine.shared.rocks;
    let mut options = ReadOptions::default();
    options.set_total_order_seek(true);
    let entries = rocks
        .db()
        .iterator_cf_opt(&rocks.family(family).unwrap(), options, IteratorMode::Start);
    entries
        .map(|entry| entry.unwrap())
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}

/// Asserts that RocksDB holds what the view says and nothing else: chunks of its blocks, index entries of its blocks,
/// live partitions; and a log of what is in heads.
pub(crate) fn assert_sound(engine: &Engine) {
    let view = engine.view();
    let meta = entries(engine, rocks::META)
        .into_iter()
        .filter(|(key, _)| key[0] != b'm');
    let states = view.partitions().map(|p| {
        (
            keys::partition(p.day).to_vec(),
            PartitionState::Live.to_bytes().to_vec(),
        )
    });
    assert_eq!(
        meta.collect::<Vec<_>>(),
        states.collect::<Vec<_>>(),
        "no partition or block is unfinished"
    );
    let families = engine
        .shared
        .rocks
        .partition_families()
        .into_iter()
        .collect::<BTreeSet<_>>();
    let expected = view
        .partitions()
        .flat_map(|p| [p.partition.chunks.clone(), p.partition.index.clone()]);
    assert_eq!(families, expected.collect());
    for partition in view.partitions() {
        let ids = partition.blocks.iter().map(|block| block.id).collect::<BTreeSet<_>>();
        let block_of = |key: &[u8]| BlockId(u64::from_be_bytes(key[..8].try_into().unwrap()));
        let chunks = entries(engine, &partition.partition.chunks);
        // A block of a few spans is all in its header.
        assert!(chunks.iter().all(|(key, _)| ids.contains(&block_of(key))));
        let index = entries(engine, &partition.partition.index);
        assert_eq!(
            index
                .iter()
                .filter_map(|(key, _)| keys::header_block(key))
                .collect::<BTreeSet<_>>(),
            ids
        );
        let traces = index.iter().filter(|(key, _)| key[0] == keys::TRACE);
        let indexed = traces
            .clone()
            .filter_map(|(key, _)| keys::trace_block(key))
            .collect::<BTreeSet<_>>();
        assert_eq!(indexed, ids);
        let expected = partition
            .blocks
            .iter()
            .map(|block| block.open().unwrap().header.traces as usize)
            .sum::<usize>();
        assert_eq!(traces.count(), expected);
    }
    let logged = entries(engine, rocks::WAL).into_iter().map(|(_, record)| {
        let (header, otlp) = wal::unpack(&record).unwrap();
        SpanBatch::decode(header.tenant, header.epoch, otlp, DecodeLimits::default())
            .unwrap()
            .rows
            .len()
    });
    let in_heads = view.batches().map(|head| head.batch.rows.len()).sum::<usize>();
    assert_eq!(logged.sum::<usize>(), in_heads);
}
