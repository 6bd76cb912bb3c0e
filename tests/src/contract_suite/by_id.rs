//! Traces by their ids.

use super::bench::{Bench, numbers};
use super::spans::{noon, span, trace_id};

pub async fn several_in_the_order_asked(bench: &Bench) {
    let start = noon();
    bench
        .write(&[span(1, 1, start), span(2, 1, start), span(3, 1, start)])
        .await;
    let got = bench.by_id(&[trace_id(3), trace_id(1), trace_id(2), trace_id(2)]).await;
    assert_eq!(numbers(&got), [3, 1, 2]);
}

pub async fn unknown_ids_are_left_out(bench: &Bench) {
    assert_eq!(bench.by_id(&[trace_id(1)]).await, []);
    bench.write(&[span(1, 1, noon())]).await;
    assert_eq!(numbers(&bench.by_id(&[trace_id(9), trace_id(1)]).await), [1]);
    assert_eq!(bench.by_id(&[trace_id(9)]).await, []);
    assert_eq!(bench.by_id(&[]).await, []);
}

pub async fn all_bytes_of_an_id_count(bench: &Bench) {
    let start = noon();
    let ids = [5u128, 5 | 1 << 64, 5 | 1 << 127, 4, 7];
    let spans: Vec<_> = ids.iter().map(|id| span(*id, 1, start)).collect();
    bench.write(&spans).await;
    for id in ids {
        let got = bench.by_id(&[trace_id(id)]).await;
        assert_eq!((numbers(&got), got[0].spans.len()), (vec![id], 1));
    }
}
