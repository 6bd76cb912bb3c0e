//! Writers and readers at the same time.

use super::bench::Bench;
use super::spans::{attr, noon, span, trace_id};
use common::query::{Column, Filter};
use common::span::Span;
use futures::future::join_all;

const WRITERS: u64 = 4;
const WRITES: u64 = 25;

/// Each writer finds its span by id and by search as soon as it is acknowledged, while the others write.
pub async fn what_is_acknowledged_is_seen(bench: &Bench) {
    let start = noon();
    join_all((1..=WRITERS).map(|writer| async move {
        for n in 1..=WRITES {
            let trace = u128::from(writer * 1_000 + n);
            let name = format!("{writer}/{n}");
            let fresh = Span {
                attributes: vec![attr("who", name.as_str())],
                ..span(trace, n, start + n)
            };
            bench.write(&[fresh, span(1, trace as u64, start)]).await;
            assert_eq!(bench.by_id(&[trace_id(trace)]).await.len(), 1, "{name}");
            assert_eq!(
                bench.find(Filter::text_equals(Column::span("who"), &name)).await,
                [trace]
            );
        }
    }))
    .await;
    let shared = bench.by_id(&[trace_id(1)]).await;
    assert_eq!(shared[0].spans.len() as u64, WRITERS * WRITES);
    assert_eq!(bench.find(Filter::All).await.len() as u64, WRITERS * WRITES + 1);
}
