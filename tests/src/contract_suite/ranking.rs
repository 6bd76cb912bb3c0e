//! Which matching traces come first, and how many.

use super::bench::{Bench, numbers, search};
use super::spans::{attr, noon, span};
use common::query::{Column, Filter, Order};
use common::span::Span;
use common::time::{TimeRange, UnixNanos};

async fn first(bench: &Bench, limit: usize, order: Order, filter: Filter) -> Vec<u128> {
    numbers(&bench.traces(search(filter, TimeRange::ALL, limit, order)).await)
}

/// Traces 1 to 40 written in a scattered order, trace `n` starting at `n` and lasting `(n * 7) % 41`.
async fn write_scattered(bench: &Bench) {
    let start = noon();
    for round in 0..4u64 {
        let spans: Vec<_> = (1..=40u64)
            .filter(|n| n % 4 == round)
            .map(|n| Span {
                end: UnixNanos(start + n + (n * 7) % 41),
                ..span(u128::from(n), n, start + n)
            })
            .collect();
        bench.write(&spans).await;
    }
}

pub async fn newest_first_up_to_the_limit(bench: &Bench) {
    write_scattered(bench).await;
    let newest: Vec<u128> = (1..=40).rev().collect();
    assert_eq!(first(bench, 1_000, Order::Newest, Filter::All).await, newest);
    assert_eq!(first(bench, 40, Order::Newest, Filter::All).await, newest);
    assert_eq!(first(bench, 7, Order::Newest, Filter::All).await, newest[..7]);
    assert_eq!(first(bench, 1, Order::Newest, Filter::All).await, [40]);
}

pub async fn slowest_first_up_to_the_limit(bench: &Bench) {
    write_scattered(bench).await;
    let mut slowest: Vec<u128> = (1..=40).collect();
    slowest.sort_by_key(|n| std::cmp::Reverse((n * 7) % 41));
    assert_eq!(first(bench, 1_000, Order::Slowest, Filter::All).await, slowest);
    assert_eq!(first(bench, 5, Order::Slowest, Filter::All).await, slowest[..5]);
}

/// Traces of equal rank come by id.
pub async fn ranks_count_matching_spans_only(bench: &Bench) {
    let start = noon();
    let hit = |span: Span| Span {
        attributes: vec![attr("hit", true)],
        ..span
    };
    let lasting = |span: Span, nanos: u64| Span {
        end: UnixNanos(span.start.0 + nanos),
        ..span
    };
    bench
        .write(&[hit(lasting(span(1, 1, start), 5)), lasting(span(1, 2, start + 90), 900)])
        .await;
    bench
        .write(&[
            hit(lasting(span(2, 3, start + 10), 3)),
            hit(lasting(span(2, 4, start + 1), 2)),
        ])
        .await;
    bench
        .write(&[
            hit(lasting(span(4, 5, start + 5), 4)),
            hit(lasting(span(3, 6, start + 5), 4)),
        ])
        .await;
    let hits = || Filter::text_equals(Column::span("hit"), "true");
    assert_eq!(first(bench, 10, Order::Newest, hits()).await, [2, 3, 4, 1]);
    assert_eq!(first(bench, 2, Order::Newest, hits()).await, [2, 3]);
    assert_eq!(first(bench, 10, Order::Slowest, hits()).await, [1, 3, 4, 2]);
    assert_eq!(first(bench, 10, Order::Newest, Filter::All).await, [1, 2, 3, 4]);
}

pub async fn no_limit_is_too_large_or_too_small(bench: &Bench) {
    let start = noon();
    bench.write(&[span(1, 1, start), span(2, 2, start + 1)]).await;
    for order in [Order::Newest, Order::Slowest] {
        assert_eq!(first(bench, 0, order, Filter::All).await, Vec::<u128>::new());
    }
    assert_eq!(first(bench, usize::MAX, Order::Newest, Filter::All).await, [2, 1]);
}
