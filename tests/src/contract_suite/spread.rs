//! Traces that lie in several places.

use super::bench::{Bench, assert_same_spans};
use super::spans::{SECOND, attr, midnight, noon, service, span, span_id, trace_id};
use common::query::{Column, Filter};
use common::span::{Span, Trace};
use common::time::{NANOS_PER_DAY, TimeRange, UnixNanos};

/// One span per request, over midnight and over three days, the latest first.
pub async fn a_trace_over_batches_and_days(bench: &Bench) {
    let night = midnight();
    let starts = [
        night + 2 * NANOS_PER_DAY,
        night + NANOS_PER_DAY,
        night + 1,
        night,
        night - 1,
        night - NANOS_PER_DAY,
    ];
    let mut spans = Vec::new();
    for (n, start) in starts.into_iter().enumerate() {
        let number = n as u64 + 1;
        let part = Span {
            attributes: vec![attr("part", format!("p{n}"))],
            parent_span_id: (n > 0).then(|| span_id(number - 1)),
            ..span(1, number, start)
        };
        bench.write(&[part.clone(), span(10 + n as u128, number, start)]).await;
        spans.push(part);
    }
    let whole = Trace::new(trace_id(1), spans.clone());
    assert_same_spans(&bench.by_id(&[trace_id(1)]).await[0].spans, &whole.spans);
    for (n, start) in starts.into_iter().enumerate() {
        let part = Filter::text_equals(Column::span("part"), &format!("p{n}"));
        assert_eq!(bench.find(part.clone()).await, [1]);
        let at = TimeRange::new(UnixNanos(start), UnixNanos(start));
        assert_eq!(bench.find_in(part.clone(), at).await, [1]);
        assert_eq!(bench.find_in(Filter::All, at).await, [1, 10 + n as u128]);
        let not_at = TimeRange::new(UnixNanos(start + 1), UnixNanos::MAX);
        assert_eq!(bench.find_in(part, not_at).await, Vec::<u128>::new());
    }
}

/// Each trace gets a span from each batch; each batch holds a span of each trace.
pub async fn many_batches_of_many_traces(bench: &Bench) {
    const TRACES: u64 = 300;
    const BATCHES: u64 = 8;
    let start = noon();
    let services: Vec<_> = (0..5).map(|n| service(&format!("service-{n}"))).collect();
    let make = |trace: u64, batch: u64| Span {
        resource: services[(trace % 5) as usize].clone(),
        attributes: vec![attr("batch", batch as i64), attr("needle", format!("{trace}-{batch}"))],
        ..span(u128::from(trace), batch + 1, start + trace * SECOND + batch)
    };
    for batch in 0..BATCHES {
        let spans: Vec<_> = (1..=TRACES).map(|trace| make(trace, batch)).collect();
        bench.write(&spans).await;
    }
    for trace in [1, 2, 150, TRACES] {
        let expected: Vec<_> = (0..BATCHES).map(|batch| make(trace, batch)).collect();
        assert_same_spans(&bench.by_id(&[trace_id(u128::from(trace))]).await[0].spans, &expected);
        let needle = Filter::text_equals(Column::span("needle"), &format!("{trace}-{}", BATCHES - 1));
        assert_eq!(bench.find(needle).await, [u128::from(trace)]);
    }
    let third =
        Filter::text_equals(Column::service(), "service-3").and(Filter::text_equals(Column::span("batch"), "5"));
    let expected: Vec<u128> = (1..=u128::from(TRACES)).rev().filter(|trace| trace % 5 == 3).collect();
    assert_eq!(bench.find(third).await, expected);
}
