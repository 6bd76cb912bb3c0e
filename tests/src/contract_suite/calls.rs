//! Calls between services.

use super::bench::{Bench, TENANT};
use super::spans::{noon, service, span, span_id};
use common::query::{Answer, Filter, Plan, Shape};
use common::span::Span;
use common::time::{NANOS_PER_DAY, TimeRange, UnixNanos};

async fn calls(bench: &Bench, range: TimeRange) -> Vec<(String, String, u64)> {
    let plan = Plan {
        tenant: TENANT,
        range,
        filter: Filter::All,
        shape: Shape::Calls,
    };
    match bench.ask(plan).await {
        Answer::Calls { edges, .. } => edges
            .into_iter()
            .map(|(edge, calls)| (edge.parent.to_string(), edge.child.to_string(), calls))
            .collect(),
        other => panic!("calls were asked for, got {other:?}"),
    }
}

fn called(trace: u128, number: u64, parent: u64, by: &str, start: u64) -> Span {
    let parent_span_id = (parent > 0).then(|| span_id(parent));
    Span {
        resource: service(by),
        parent_span_id,
        ..span(trace, number, start)
    }
}

fn edge(parent: &str, child: &str, calls: u64) -> (String, String, u64) {
    (parent.to_owned(), child.to_owned(), calls)
}

/// A span whose parent is not in its trace makes no call, not even with the same span id in another trace.
pub async fn parents_call_children(bench: &Bench) {
    assert_eq!(calls(bench, TimeRange::ALL).await, []);
    let start = noon();
    bench
        .write(&[
            called(1, 1, 0, "web", start),
            called(1, 2, 1, "web", start),
            called(1, 3, 2, "shop", start),
            called(1, 4, 2, "shop", start),
            called(1, 5, 4, "db", start),
            called(2, 6, 5, "db", start),
            called(2, 1, 0, "shop", start),
            called(2, 2, 1, "db", start),
        ])
        .await;
    let expected = [edge("shop", "db", 2), edge("web", "shop", 2), edge("web", "web", 1)];
    assert_eq!(calls(bench, TimeRange::ALL).await, expected);
}

/// The range is on the child; its parent may lie outside, in another request and on another day.
pub async fn edges_over_batches_and_ranges(bench: &Bench) {
    let start = noon();
    bench.write(&[called(1, 3, 2, "db", start + NANOS_PER_DAY)]).await;
    bench
        .write(&[called(1, 2, 1, "shop", start + 1), called(2, 8, 7, "shop", start + 1)])
        .await;
    bench.write(&[called(1, 1, 0, "web", start)]).await;
    let both = [edge("shop", "db", 1), edge("web", "shop", 1)];
    assert_eq!(calls(bench, TimeRange::ALL).await, both);
    let range = |from, to| TimeRange::new(UnixNanos(from), UnixNanos(to));
    assert_eq!(calls(bench, range(start + 1, start + 1)).await, both[1..]);
    assert_eq!(calls(bench, range(start + 2, u64::MAX)).await, both[..1]);
    assert_eq!(calls(bench, range(0, start)).await, []);
    bench.write(&[called(2, 7, 0, "web", start)]).await;
    assert_eq!(
        calls(bench, range(start + 1, start + 1)).await,
        [edge("web", "shop", 2)]
    );
}
