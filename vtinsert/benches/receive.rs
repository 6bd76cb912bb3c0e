//! Time per span of what a receiver does with a request's bytes, beside prost for comparison. Run with
//! `cargo bench -p vtinsert`, or `cargo bench -p vtinsert -- FILE` for requests from a file, each preceded by its length
//! as 32-bit little-endian number.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people, on trusted input"
)]

use bytes::Bytes;
use common::cluster::{ClusterId, ClusterState, NodeId, Placement, PlacementEntry, Settings};
use common::ids::{Epoch, RequestId, TenantId};
use common::otlp::json;
use common::time::TimeRange;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::time::{Duration, Instant};
use vtinsert::cluster::cut::cut;
use vtinsert::cluster::route::Route;
use vtinsert::otlp::validate::{SpanLimits, Validator};

const LIMITS: SpanLimits = SpanLimits {
    max_attributes: 10_000,
    max_value_depth: 32,
    max_key_length: 4096,
};

fn main() {
    // Cargo adds `--bench` to the arguments.
    let file = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let requests = file.map_or_else(|| vec![generated()], |path| read(&path));
    let validator = Validator::new(LIMITS, TimeRange::ALL);
    let spans: u64 = requests
        .iter()
        .map(|body| validator.validate(body.clone()).unwrap().spans)
        .sum();
    let bytes: usize = requests.iter().map(Bytes::len).sum();
    println!("{spans} spans of {} bytes", bytes as u64 / spans);
    // The best of some runs of each request: other work on the machine disturbs few of them.
    let best = |run: &dyn Fn(&Bytes), body: &Bytes| {
        let times = (0..15).map(|_| {
            let started = Instant::now();
            run(body);
            started.elapsed()
        });
        times.min().unwrap_or_default()
    };
    let report = |what: &str, run: &dyn Fn(&Bytes)| {
        let total: Duration = requests.iter().map(|body| best(run, body)).sum();
        println!("{what}: {:.0} ns per span", total.as_nanos() as f64 / spans as f64);
    };
    report("validate", &|body| {
        drop(black_box(validator.validate(body.clone()).unwrap()))
    });
    report("request id", &|body| {
        black_box(RequestId::of(TenantId::default(), body));
    });
    for (nodes, factor) in [(3, 1), (3, 2), (12, 2)] {
        let route = Route::of_placement(&cluster(nodes, factor)).unwrap();
        report(&format!("cut for {nodes} nodes, {factor} copies"), &|body| {
            drop(black_box(cut(body, &route).unwrap()))
        });
    }
    report("prost", &|body| {
        drop(black_box(ExportTraceServiceRequest::decode(&body[..]).unwrap()))
    });
    let json: HashMap<_, _> = requests
        .iter()
        .map(|body| {
            let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
            (body.as_ptr(), serde_json::to_vec(&request).unwrap())
        })
        .collect();
    report("json to protobuf", &|body| {
        drop(black_box(json::to_protobuf(&json[&body.as_ptr()]).unwrap()))
    });
}

/// A cluster whose slots lie on nodes by chance.
fn cluster(nodes: u64, factor: u64) -> ClusterState {
    let owners = |slot: u64| {
        let first = slot.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let next = first / nodes % (nodes - 1);
        let others = (0..factor - 1).map(move |copy| first + 1 + (next + copy) % (nodes - 1));
        std::iter::once(first)
            .chain(others)
            .map(|id| NodeId(id % nodes))
            .collect()
    };
    let entry = |slot: u64| {
        vec![PlacementEntry {
            from: Epoch(1),
            after_day: 0,
            replicas: owners(slot),
        }]
    };
    ClusterState {
        cluster: ClusterId(1),
        version: 1,
        epoch: Epoch(1),
        settings: Settings {
            replication_factor: factor as u8,
            slots: 1024,
            retention_seconds: 7 * 86_400,
        },
        members: BTreeMap::new(),
        placement: Placement {
            slots: (0..1024).map(entry).collect(),
        },
        oldest_day: 0,
        sealed: Default::default(),
        placed_at: 0,
        transfers: Default::default(),
    }
}

fn read(path: &str) -> Vec<Bytes> {
    let mut file = Bytes::from(std::fs::read(path).unwrap());
    let mut requests = Vec::new();
    while file.len() >= 4 {
        let len = u32::from_le_bytes(*file.split_to(4).first_chunk().unwrap());
        requests.push(file.split_to(len as usize));
    }
    requests
}

/// One request of a thousand spans of about 500 bytes.
fn generated() -> Bytes {
    let spans = (1..=1000u64).map(|id| Span {
        trace_id: u128::from(id).to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: (id + 1).to_be_bytes().to_vec(),
        name: "GET /api/v1/products/{id}".into(),
        kind: 2,
        start_time_unix_nano: id,
        end_time_unix_nano: id + 1,
        attributes: (0..14).map(|i| attribute(i, id)).collect(),
        ..Span::default()
    });
    let scope = ScopeSpans {
        spans: spans.collect(),
        ..ScopeSpans::default()
    };
    let group = ResourceSpans {
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    };
    Bytes::from(
        ExportTraceServiceRequest {
            resource_spans: vec![group],
        }
        .encode_to_vec(),
    )
}

fn attribute(i: u64, id: u64) -> KeyValue {
    let value = match i % 3 {
        0 => Value::IntValue(200),
        1 => Value::StringValue(format!("shop.example.{id}")),
        _ => Value::StringValue("GET".into()),
    };
    KeyValue {
        key: format!("http.request.{i}"),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}
