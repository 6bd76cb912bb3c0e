//! One suite for every pair of [`SpanSink`] and [`SpanSource`] that share their spans: what the contracts in
//! `common::contract` and the meaning of plans in `common::query` promise. It knows no implementation.
//!
//! ```ignore
//! contract_suite::run(|| async { Store::new(engine.clone(), engine).settle_with(|| flush()).keep(directory) }).await;
//! contract_suite::differential(|| async { … }, seed, rounds).await;
//! ```

mod bench;
mod by_id;
mod calls;
mod catalogue;
mod columns;
mod concurrency;
mod dedup;
mod differential;
mod limits;
mod otlp;
mod random;
mod ranking;
mod round_trip;
mod search;
mod spans;
mod spread;
mod store;
mod tenants;

pub use bench::{Bench, Mode};
pub use differential::differential;
pub use otlp::encode;
pub use random::{Random, World, random_plan};
pub use store::Store;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::panic::AssertUnwindSafe;

type Case = (&'static str, for<'a> fn(&'a Bench) -> BoxFuture<'a, ()>);

macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => {
        [$((concat!(stringify!($module), "::", stringify!($name)), |bench| Box::pin($module::$name(bench)))),*]
    };
}

const CASES: &[Case] = &cases![
    round_trip::every_field,
    round_trip::odd_values,
    round_trip::groups,
    round_trip::many_attributes,
    round_trip::long_texts,
    round_trip::a_large_trace,
    by_id::several_in_the_order_asked,
    by_id::unknown_ids_are_left_out,
    by_id::all_bytes_of_an_id_count,
    columns::every_column_and_predicate,
    columns::text_forms,
    columns::absent_is_not_empty,
    search::conditions_hold_on_one_span,
    search::any_mix_of_conditions,
    search::whole_traces_come_back,
    search::range_ends_are_included,
    search::an_empty_range_finds_nothing,
    search::a_bad_pattern_is_the_callers_fault,
    ranking::newest_first_up_to_the_limit,
    ranking::slowest_first_up_to_the_limit,
    ranking::ranks_count_matching_spans_only,
    ranking::no_limit_is_too_large_or_too_small,
    tenants::see_only_their_own,
    dedup::a_repeated_request_counts_once,
    dedup::a_repeated_span_counts_once,
    dedup::spans_that_share_an_id_are_kept,
    spread::a_trace_over_batches_and_days,
    spread::many_batches_of_many_traces,
    catalogue::services_and_operations,
    catalogue::attribute_names_by_level,
    calls::parents_call_children,
    calls::edges_over_batches_and_ranges,
    limits::an_undecodable_message_is_refused_whole,
    limits::a_cancelled_query_ends,
    limits::an_empty_message_is_accepted,
    concurrency::what_is_acknowledged_is_seen,
];

/// Runs every case on a fresh store, in every mode that it offers. Prints the cases that fail before it panics.
pub async fn run<F, Fut>(factory: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Store>,
{
    let mut failed = Vec::new();
    for (name, case) in CASES {
        for mode in Mode::ALL {
            let store = factory().await;
            if mode != Mode::Head && !store.settles() {
                continue;
            }
            let bench = Bench::new(store, mode);
            if AssertUnwindSafe(case(&bench)).catch_unwind().await.is_err() {
                eprintln!("contract case {name} failed in mode {mode:?}");
                failed.push(format!("{name} ({mode:?})"));
            }
        }
    }
    assert!(failed.is_empty(), "{} contract cases failed: {failed:#?}", failed.len());
}
