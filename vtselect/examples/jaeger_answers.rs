//! Measures what the Jaeger API adds to a query: adjusting and writing the answer, without storage and sockets.
//! `cargo run --release -p vtselect --example jaeger_answers`

#![allow(clippy::expect_used)]

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use common::contract::{AnswerStream, QueryContext, QueryError, SpanSource};
use common::ids::{SpanId, TraceId};
use common::query::{Answer, FoundTrace, Plan, ScanStats};
use common::span::{Event, Resource, Scope, Span, SpanKind, StatusCode, Trace};
use common::time::UnixNanos;
use common::value::Attribute;
use futures::StreamExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower::ServiceExt;
use vtselect::{SelectConfig, http_router};

/// Answers every plan with the same traces.
struct Canned(Vec<FoundTrace>);

#[async_trait]
impl SpanSource for Canned {
    async fn query(&self, _: Plan, _: QueryContext) -> Result<AnswerStream, QueryError> {
        let answer = Answer::Traces {
            found: self.0.clone(),
            stats: ScanStats::default(),
        };
        Ok(futures::stream::once(async move { Ok(answer) }).boxed())
    }
}

/// A trace of ten spans over five services, with fourteen attributes per span.
fn trace(number: u64) -> Trace {
    let trace_id = TraceId((u128::from(number) << 64 | 1).to_be_bytes());
    let attributes = |n: u64| {
        let texts = (0..9).map(|k| Attribute::new(format!("http.request.attribute.{k}"), format!("value {k} of {n}")));
        let numbers = (0..5).map(|k| Attribute::new(format!("number.{k}"), (n * 1_000 + k) as i64));
        texts.chain(numbers).collect::<Vec<_>>()
    };
    let span = |n: u64| Span {
        trace_id,
        span_id: SpanId((number * 100 + n + 1).to_be_bytes()),
        parent_span_id: (n > 0).then(|| SpanId((number * 100 + n).to_be_bytes())),
        name: "GET /api/v1/products/{id}".into(),
        kind: SpanKind::SERVER,
        status_code: if n == 9 { StatusCode::ERROR } else { StatusCode::UNSET },
        start: UnixNanos(1_700_000_000_000_000_000 + n * 1_000_000),
        end: UnixNanos(1_700_000_000_100_000_000 - n * 1_000_000),
        attributes: attributes(n),
        events: vec![Event {
            name: "log".into(),
            attributes: attributes(1)[..3].to_vec(),
            ..Event::default()
        }],
        resource: Resource {
            attributes: [Attribute::new("service.name", format!("service-{}", n % 5))]
                .into_iter()
                .chain(attributes(n % 5))
                .collect(),
            ..Resource::default()
        }
        .into(),
        scope: Scope {
            name: "io.opentelemetry.http".into(),
            version: "1.2".into(),
            ..Scope::default()
        }
        .into(),
        ..Span::default()
    };
    Trace::new(trace_id, (0..10).map(span).collect())
}

async fn ask(router: &Router, path: &str) -> usize {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let Ok(response) = router.clone().oneshot(request).await;
    to_bytes(response.into_body(), usize::MAX).await.expect("a body").len()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    const RUNS: usize = 101;
    for (traces, path) in [
        (1, "/select/jaeger/api/traces/1"),
        (20, "/select/jaeger/api/traces"),
        (200, "/select/jaeger/api/traces?limit=200"),
    ] {
        let found: Vec<_> = (0..traces)
            .map(|n| FoundTrace {
                rank: n,
                trace: trace(n),
            })
            .collect();
        let mut copying = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            drop(std::hint::black_box(found.clone()));
            copying.push(started.elapsed());
        }
        let router = http_router(&SelectConfig::default(), Arc::new(Canned(found)));
        let (mut whole, mut bytes) = (Vec::new(), 0);
        for _ in 0..RUNS {
            let started = Instant::now();
            bytes = ask(&router, path).await;
            whole.push(started.elapsed());
        }
        println!(
            "{traces} traces, {bytes} bytes: {:?}, of which {:?} copies the answer",
            median(whole),
            median(copying)
        );
    }
}
