//! Nothing counts twice.

use super::bench::{Bench, TENANT};
use super::spans::{noon, service, span, span_id, trace_id};
use common::query::{Answer, Filter, Plan, Shape};
use common::span::{Span, SpanKind};
use common::time::TimeRange;

async fn number_of_spans(bench: &Bench, trace: u128) -> usize {
    bench
        .by_id(&[trace_id(trace)])
        .await
        .iter()
        .map(|trace| trace.spans.len())
        .sum()
}

async fn number_of_calls(bench: &Bench) -> u64 {
    let plan = Plan {
        tenant: TENANT,
        range: TimeRange::ALL,
        filter: Filter::All,
        shape: Shape::Calls,
    };
    match bench.ask(plan).await {
        Answer::Calls { edges, .. } => edges.values().sum(),
        other => panic!("calls were asked for, got {other:?}"),
    }
}

fn call(trace: u128) -> [Span; 2] {
    let start = noon();
    [
        span(trace, 1, start),
        Span {
            resource: service("db"),
            parent_span_id: Some(span_id(1)),
            ..span(trace, 2, start + 1)
        },
    ]
}

pub async fn a_repeated_request_counts_once(bench: &Bench) {
    for _ in 0..3 {
        bench.write(&call(1)).await;
    }
    assert_eq!(number_of_spans(bench, 1).await, 2);
    assert_eq!(number_of_calls(bench).await, 1);
    bench.write(&call(1)).await;
    assert_eq!(number_of_spans(bench, 1).await, 2);
}

/// A client that batches its retry anew sends the same spans in another request: traces show them once. What is
/// counted over spans may count them until a merge has dropped them.
pub async fn a_repeated_span_counts_once(bench: &Bench) {
    let [parent, child] = call(1);
    bench.write(&[parent.clone(), child.clone(), child.clone()]).await;
    bench.write(&[child.clone(), parent]).await;
    bench.write(&[child, span(2, 9, noon())]).await;
    assert_eq!(number_of_spans(bench, 1).await, 2);
    assert_eq!(bench.find(Filter::All).await.len(), 2);
    let found = bench
        .traces(super::bench::search(
            Filter::All,
            TimeRange::ALL,
            10,
            common::query::Order::Newest,
        ))
        .await;
    assert_eq!(found.iter().map(|trace| trace.spans.len()).sum::<usize>(), 3);
}

/// The identity of a span is more than its id: a client's and a server's span may share it.
pub async fn spans_that_share_an_id_are_kept(bench: &Bench) {
    let start = noon();
    let one = span(1, 1, start);
    bench
        .write(&[
            one.clone(),
            Span {
                kind: SpanKind::CLIENT,
                ..one.clone()
            },
            Span {
                name: "other".into(),
                ..one.clone()
            },
            span(1, 1, start + 1),
            one,
        ])
        .await;
    assert_eq!(number_of_spans(bench, 1).await, 4);
}
