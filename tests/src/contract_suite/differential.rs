//! A store against the reference implementation: random requests, random plans, equal answers.

use super::bench::{Bench, Mode, TENANT, assert_same_spans};
use super::random::{World, random_plan};
use super::store::Store;
use common::memory::MemoryStore;
use common::query::{Answer, FoundTrace, Plan};
use common::span::Span;
use std::sync::Arc;

/// Requests per store.
const REQUESTS: u64 = 8;
/// Plans asked after each request.
const PLANS: u64 = 25;

/// Compares a store of `factory` with [`MemoryStore`], in every mode it offers, `rounds` times; the first panic tells
/// the seed that repeats it with one round.
pub async fn differential<F, Fut>(factory: F, seed: u64, rounds: u64)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Store>,
{
    for round in 0..rounds {
        for mode in Mode::ALL {
            let store = factory().await;
            if mode != Mode::Head && !store.settles() {
                continue;
            }
            eprintln!("differential test: seed {}, mode {mode:?}", seed + round);
            one_round(Bench::new(store, mode), World::new(seed + round)).await;
        }
    }
}

async fn one_round(bench: Bench, mut world: World) {
    let memory = Arc::new(MemoryStore::new());
    let reference = Bench::new(Store::new(memory.clone(), memory), Mode::Head);
    let mut earlier: Vec<Span> = Vec::new();
    // A span that comes again in another request may count twice until it is merged.
    let repeats = world.random.chance(30);
    for _ in 0..REQUESTS {
        let count = 1 + world.random.below(60);
        let mut spans = world.spans(count);
        if repeats && !earlier.is_empty() {
            spans.push(world.random.pick(&earlier).clone());
        }
        bench.write_as(TENANT, &spans).await;
        reference.write_as(TENANT, &spans).await;
        earlier.extend(spans);
        for _ in 0..PLANS {
            let plan = random_plan(&mut world.random);
            let expected = reference.ask(plan.clone()).await;
            let got = bench.ask(plan.clone()).await;
            assert_same_answer(got, expected, &plan, repeats);
        }
    }
}

/// Equality of answers but for what it took to find them.
fn assert_same_answer(got: Answer, expected: Answer, plan: &Plan, repeats: bool) {
    match (got, expected) {
        (Answer::Traces { found: got, .. }, Answer::Traces { found: expected, .. }) => {
            let heads = |found: &[FoundTrace]| -> Vec<_> {
                found
                    .iter()
                    .map(|f| (f.rank, f.trace.trace_id, f.trace.spans.len()))
                    .collect()
            };
            assert_eq!(heads(&got), heads(&expected), "rank, trace, spans of {plan:#?}");
            for (got, expected) in got.iter().zip(&expected) {
                assert_same_spans(&got.trace.spans, &expected.trace.spans);
            }
        }
        (Answer::Calls { edges: got, .. }, Answer::Calls { edges: expected, .. }) if repeats => {
            assert!(got.keys().eq(expected.keys()), "{got:?} is not {expected:?}: {plan:#?}");
            assert!(
                got.values()
                    .zip(expected.values())
                    .all(|(got, expected)| got >= expected),
                "{got:?} is less than {expected:?}: {plan:#?}"
            );
        }
        (Answer::Calls { edges: got, .. }, Answer::Calls { edges: expected, .. }) => {
            assert_eq!(got, expected, "{plan:#?}");
        }
        // Repeated spans count as often as they are stored.
        (Answer::Columns { spans: got, .. }, Answer::Columns { spans: expected, .. }) => {
            assert!(got.keys().eq(expected.keys()), "{got:?} is not {expected:?}: {plan:#?}");
        }
        (got, expected) => assert_eq!(got, expected, "{plan:#?}"),
    }
}
