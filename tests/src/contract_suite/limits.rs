//! What a store refuses.

use super::bench::{Bench, TENANT, search};
use super::otlp::encode;
use super::spans::{noon, span, trace_id};
use bytes::Bytes;
use common::contract::{QueryContext, QueryError, WriteError};
use common::query::{Filter, Order};
use common::time::TimeRange;

pub async fn an_undecodable_message_is_refused_whole(bench: &Bench) {
    let whole = encode(&[span(1, 1, noon()), span(2, 1, noon())]);
    for broken in [
        whole.slice(..whole.len() - 3),
        Bytes::from_static(b"\x0a\xff\xff"),
        Bytes::from_static(b"{}"),
    ] {
        let error = bench.send(TENANT, broken).await.unwrap_err();
        assert!(matches!(error, WriteError::Invalid(_)), "{error}");
    }
    assert_eq!(bench.by_id(&[trace_id(1), trace_id(2)]).await, []);
    bench.write(&[span(1, 1, noon())]).await;
    assert_eq!(bench.by_id(&[trace_id(1)]).await.len(), 1);
}

pub async fn an_empty_message_is_accepted(bench: &Bench) {
    bench.send(TENANT, Bytes::new()).await.unwrap();
    bench.write(&[]).await;
    assert_eq!(bench.find(Filter::All).await, Vec::<u128>::new());
}

pub async fn a_cancelled_query_ends(bench: &Bench) {
    bench.write(&[span(1, 1, noon())]).await;
    let plan = || search(Filter::All, TimeRange::ALL, 10, Order::Newest);
    let context = QueryContext::unlimited();
    context.cancel();
    let error = bench.try_ask(plan(), context).await.unwrap_err();
    assert!(matches!(error, QueryError::Cancelled), "{error}");
    let late = QueryContext::new(std::time::Duration::ZERO, usize::MAX);
    let error = bench.try_ask(plan(), late).await.unwrap_err();
    assert!(matches!(error, QueryError::DeadlineExceeded(_)), "{error}");
    assert_eq!(bench.traces(plan()).await.len(), 1);
}
