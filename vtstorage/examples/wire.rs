//! How long an answer takes to be encoded and decoded, and how large it is: 200 traces of ten spans with fourteen
//! attributes each, as a search finds them.
//!
//! `cargo run --release -p vtstorage --example wire`

use common::cluster::NodePart;
use common::ids::{SpanId, TraceId};
use common::query::{Answer, FoundTrace, ScanStats};
use common::rpc::answer_frames;
use common::span::{Resource, Scope, Span, SpanKind, Trace};
use common::time::UnixNanos;
use common::value::Attribute;
use common::wire::{decode_answer, encode_answer};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As in the programs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const TRACES: u64 = 200;
const SPANS: u64 = 10;
const ATTRIBUTES: u64 = 14;
const ROUNDS: usize = 200;

fn main() {
    let answer = answer();
    let encoded = encode_answer(&answer).unwrap_or_default();
    println!("{} traces, {} spans: {} bytes", TRACES, TRACES * SPANS, encoded.len());
    report("encode", || drop(encode_answer(&answer)));
    report("decode", || drop(decode_answer(&encoded)));
    let compressed = zstd::bulk::compress(&encoded, 1).unwrap_or_default();
    report(&format!("compress to {} bytes", compressed.len()), || {
        drop(zstd::bulk::compress(&encoded, 1));
    });
    report("decompress", || {
        drop(zstd::bulk::decompress(&compressed, encoded.len()))
    });
    let part = NodePart::Encoded(encoded);
    report("frames", || drop(answer_frames::frames(part.clone())));
}

/// The median.
fn report(what: &str, work: impl Fn()) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let median = times.get(ROUNDS / 2).copied().unwrap_or_default();
    println!("{what}: {:.3} ms", median.as_secs_f64() * 1e3);
}

fn answer() -> Answer {
    let resources: Vec<Arc<Resource>> = (0..20).map(resource).collect();
    let scope = Arc::new(Scope {
        name: "instrumentation".into(),
        version: "1.2.3".into(),
        ..Scope::default()
    });
    let found = (0..TRACES).map(|trace| {
        let span = |span: u64| span_of(trace, span, &resources, &scope);
        FoundTrace {
            rank: trace,
            trace: Trace {
                trace_id: trace_id(trace),
                spans: (0..SPANS).map(span).collect(),
            },
        }
    });
    Answer::Traces {
        found: found.collect(),
        stats: ScanStats::default(),
    }
}

fn trace_id(trace: u64) -> TraceId {
    TraceId(
        u128::from(scattered(trace))
            .wrapping_mul(0x1_0000_0000_0000_00b5)
            .to_be_bytes(),
    )
}

fn scattered(n: u64) -> u64 {
    (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn resource(service: u64) -> Arc<Resource> {
    let attributes = (0..6).map(|n| Attribute::new(format!("resource.key.{n}"), format!("value {n} of {service}")));
    Arc::new(Resource {
        attributes: attributes
            .chain([Attribute::new("service.name", format!("service-{service}"))])
            .collect(),
        ..Resource::default()
    })
}

/// Three of the attributes have values of their own, as ids have; four are numbers; the others repeat.
fn span_of(trace: u64, span: u64, resources: &[Arc<Resource>], scope: &Arc<Scope>) -> Span {
    let place = trace * SPANS + span;
    let attribute = |n: u64| {
        let key = format!("some.attribute.key.{n}");
        match n {
            0..3 => Attribute::new(key, format!("{:016x}", scattered(place * 3 + n))),
            3..7 => Attribute::new(key, scattered(place).cast_signed() >> (8 * n)),
            _ => Attribute::new(key, format!("a value of some length {}", (place + n) % 40)),
        }
    };
    let service = usize::try_from(place).unwrap_or_default() % resources.len().max(1);
    Span {
        trace_id: trace_id(trace),
        span_id: SpanId(scattered(place).to_be_bytes()),
        parent_span_id: (span > 0).then(|| SpanId(scattered(place - span).to_be_bytes())),
        name: format!("GET /path/{}", place % 30).into(),
        kind: SpanKind::SERVER,
        start: UnixNanos(1_700_000_000_000_000_000 + place * 1_000_003),
        end: UnixNanos(1_700_000_000_000_000_000 + place * 1_000_003 + scattered(place) % 100_000_000),
        attributes: (0..ATTRIBUTES).map(attribute).collect(),
        resource: resources.get(service).cloned().unwrap_or_default(),
        scope: scope.clone(),
        ..Span::default()
    }
}
