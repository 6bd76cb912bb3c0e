//! Whole plans over heads and blocks against the reference implementation.

use super::testing::{NOON, TENANT, batch, blocks, filter, spans, strange_batch};
use super::*;
use crate::engine::batch::SpanBatch;
use crate::engine::block::StoredBlock;
use crate::engine::error::StorageError;
use crate::engine::store::{Catalogue, HeadBatch, View, WorkPool};
use common::contract::{QueryContext, QueryError};
use common::ids::{Epoch, TenantId, TraceId};
use common::memory;
use common::query::{Answer, CatalogueQuery, Column, Filter, Order, Plan, Predicate, Shape, TextMatch};
use common::span::{Span, SpanKind};
use common::time::{TimeRange, UnixNanos};
use futures::StreamExt;
use futures::executor::block_on;
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Blocks of a trace, found by looking into all of them.
pub(super) struct EveryBlock;

impl TraceIndex for EveryBlock {
    fn blocks_of_trace(&self, view: &View, _: TenantId, _: u64) -> Result<Vec<Arc<StoredBlock>>, StorageError> {
        Ok(view.blocks().cloned().collect())
    }
}

pub(super) static POOL: LazyLock<Arc<WorkPool>> = LazyLock::new(|| Arc::new(WorkPool::new("test", 3).unwrap()));

/// How spans are spread over head batches and blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub(super) heads: usize,
    pub(super) blocks: usize,
    /// Whether the parts hold consecutive spans, or every so many
    pub(super) runs: bool,
    /// Of blocks: further attributes are spilled, and then come after the others
    pub(super) max_columns: usize,
}

pub(super) fn spreads() -> impl Strategy<Value = Spread> {
    (0..4usize, 0..5usize, any::<bool>()).prop_map(|(heads, blocks, runs)| {
        let heads = if blocks == 0 { heads.max(1) } else { heads };
        Spread {
            heads,
            blocks,
            runs,
            max_columns: 1_024,
        }
    })
}

pub(super) fn view(spans: &[Span], spread: Spread) -> View {
    view_under(spans, spread, |_| Epoch(0))
}

/// As [`view`], each part written under an epoch.
pub(super) fn view_under(spans: &[Span], spread: Spread, epoch: impl Fn(usize) -> Epoch) -> View {
    let parts = spread.heads + spread.blocks;
    let part = |number: usize| -> Vec<Span> {
        let belongs = |i: usize| {
            if spread.runs {
                i * parts / spans.len() == number
            } else {
                i % parts == number
            }
        };
        spans
            .iter()
            .enumerate()
            .filter(|(i, _)| belongs(*i))
            .map(|(_, span)| span.clone())
            .collect()
    };
    let strange = Arc::new(strange_batch());
    let of_part = |number: usize| SpanBatch {
        epoch: epoch(number),
        ..batch(&part(number), 1_024)
    };
    let heads = (0..spread.heads).map(|number| HeadBatch::new(of_part(number)));
    let heads = std::iter::once(HeadBatch::new(strange_batch())).chain(heads);
    let catalogue = Catalogue::new(1_000);
    let mut stored = Vec::new();
    for number in spread.heads..parts {
        let mut batches = vec![Arc::new(of_part(number))];
        if number % 2 == 0 {
            batches.push(Arc::new(SpanBatch {
                epoch: epoch(number),
                ..(*strange).clone()
            }));
        }
        let (blocks, entries) = blocks(&batches, spread.max_columns, stored.len() as u64);
        stored.extend(blocks);
        catalogue.apply(catalogue.change(entries.iter()));
    }
    View::of_parts(heads.collect(), stored, catalogue.into())
}

pub(super) fn start(
    plan: &Plan,
    view: &View,
    context: QueryContext,
) -> Result<common::contract::AnswerStream, QueryError> {
    run(plan.clone(), context, view.clone(), Arc::new(EveryBlock), &POOL)
}

pub(super) fn answer(plan: &Plan, view: &View, context: QueryContext) -> Result<Answer, QueryError> {
    let mut whole = Answer::empty_for(plan);
    let mut parts = start(plan, view, context)?;
    block_on(async {
        while let Some(part) = parts.next().await {
            whole.merge(part?);
        }
        whole.finish(plan);
        Ok(whole)
    })
}

/// The answer without what it took; as text, since a NaN does not equal itself.
pub(super) fn comparable(answer: Answer) -> String {
    match answer {
        Answer::Traces { found, .. } => format!("{found:#?}"),
        Answer::Calls { edges, .. } => format!("{edges:#?}"),
        other => format!("{other:#?}"),
    }
}

fn check(plan: &Plan, spans: &[Span], spread: Spread) -> Result<(), TestCaseError> {
    let context = QueryContext::unlimited();
    let expected = memory::answer(plan, spans, &context).unwrap();
    let found = answer(plan, &view(spans, spread), context).unwrap();
    prop_assert_eq!(comparable(found), comparable(expected), "{:?}", plan);
    Ok(())
}

pub(super) fn plan(shape: Shape, filter: Filter, range: TimeRange) -> Plan {
    Plan {
        tenant: TENANT,
        range,
        filter,
        shape,
    }
}

pub(super) fn ranges() -> impl Strategy<Value = TimeRange> {
    let within = (0..1_000u64, 0..1_000u64)
        .prop_map(|(from, to)| TimeRange::new(UnixNanos(NOON + from * 1_000_000), UnixNanos(NOON + to * 1_000_000)));
    prop_oneof![Just(TimeRange::ALL), within]
}

/// Spans no two of which are the same span: which of two different ones counts is up to the store.
pub(super) fn distinct(mut spans: Vec<Span>) -> Vec<Span> {
    let mut seen = std::collections::HashSet::new();
    spans.retain(|span| {
        let (trace, id, kind, start, name) = span.identity();
        seen.insert((trace, id, kind, start, name.to_string()))
    });
    // Repeats of a key are kept behind the other attributes.
    for span in &mut spans {
        let lists = [&mut span.attributes].into_iter();
        let lists = lists.chain(span.events.iter_mut().map(|e| &mut e.attributes));
        for list in lists.chain(span.links.iter_mut().map(|l| &mut l.attributes)) {
            let mut keys = std::collections::HashSet::new();
            list.retain(|attribute| keys.insert(attribute.key.clone()));
        }
    }
    spans
}

proptest! {
    #[test]
    fn searches_find_what_the_reference_finds(
        spans in spans(60).prop_map(distinct),
        filters in proptest::collection::vec((filter(), ranges()), 1..4),
        spread in spreads(),
        limit in 0..7usize,
        order in prop_oneof![Just(Order::Newest), Just(Order::Slowest)],
        repeats in any::<bool>(),
    ) {
        let mut spans = spans;
        if repeats {
            spans.extend(spans.clone());
        }
        for (filter, range) in filters {
            check(&plan(Shape::Ranking { limit, order }, filter.clone(), range), &spans, spread)?;
            check(&plan(Shape::Search { limit, order }, filter, range), &spans, spread)?;
        }
    }

    #[test]
    fn traces_are_whole_wherever_their_spans_lie(
        spans in spans(60).prop_map(distinct),
        spread in spreads(),
        ids in proptest::collection::vec(0..8u8, 0..6),
    ) {
        let ids = ids.into_iter().map(|n| TraceId([n; 16])).collect();
        check(&Plan::traces_by_id(TENANT, ids), &spans, spread)?;
    }

    #[test]
    fn calls_are_counted_across_heads_and_blocks(
        spans in spans(60).prop_map(distinct),
        filters in proptest::collection::vec((prop_oneof![Just(Filter::All), filter()], ranges()), 1..4),
        spread in spreads(),
        max_columns in 0..6usize,
    ) {
        let spread = Spread { max_columns, ..spread };
        // A parent id means one span: which of several is called the first depends on where they lie.
        let mut ids = std::collections::HashSet::new();
        let spans: Vec<Span> = spans.into_iter().filter(|span| ids.insert((span.trace_id, span.span_id))).collect();
        for (filter, range) in filters {
            check(&plan(Shape::Calls, filter, range), &spans, spread)?;
        }
    }

    #[test]
    fn the_catalogue_knows_heads_and_blocks(
        spans in spans(40),
        spread in spreads(),
        max_columns in 0..6usize,
        service in proptest::sample::select(vec!["", "a", "ab", "shop", "nobody"]),
        kind in proptest::option::of(0..6i32),
    ) {
        let spread = Spread { max_columns, ..spread };
        let operations = CatalogueQuery::Operations { service: service.into(), kind: kind.map(SpanKind) };
        for question in [CatalogueQuery::Services, operations, CatalogueQuery::AttributeNames] {
            check(&Plan::catalogue(TENANT, question), &spans, spread)?;
        }
    }
}

pub(super) fn some_spans() -> Vec<Span> {
    let span = |n: u8| Span {
        trace_id: TraceId([n; 16]),
        span_id: common::ids::SpanId([n; 8]),
        start: UnixNanos(NOON),
        ..Span::default()
    };
    (1..50).map(span).collect()
}

fn everything() -> Plan {
    plan(
        Shape::Search {
            limit: 1_000,
            order: Order::Newest,
        },
        Filter::All,
        TimeRange::ALL,
    )
}

pub(super) const SPREAD: Spread = Spread {
    heads: 1,
    blocks: 2,
    runs: true,
    max_columns: 1_024,
};

#[test]
fn a_query_keeps_to_its_limits() {
    let view = view(&some_spans(), SPREAD);
    let whole = answer(&everything(), &view, QueryContext::unlimited()).unwrap();
    assert!(matches!(&whole, Answer::Traces { found, stats } if found.len() == 49 && stats.rows_scanned >= 49));
    let small = QueryContext::new(Duration::from_secs(60), 100);
    assert!(matches!(
        answer(&everything(), &view, small),
        Err(QueryError::OverBudget { .. })
    ));
    let late = QueryContext::new(Duration::ZERO, usize::MAX);
    assert!(matches!(
        answer(&everything(), &view, late),
        Err(QueryError::DeadlineExceeded(_))
    ));
    let cancelled = QueryContext::unlimited();
    cancelled.cancel();
    assert!(matches!(
        answer(&everything(), &view, cancelled),
        Err(QueryError::Cancelled)
    ));
}

#[test]
fn a_dropped_stream_cancels_and_a_read_one_gives_its_memory_back() {
    let view = view(&some_spans(), SPREAD);
    let context = QueryContext::new(Duration::from_secs(60), 1 << 20);
    drop(start(&everything(), &view, context.clone()).unwrap());
    assert!(matches!(context.check(), Err(QueryError::Cancelled)));
    let context = QueryContext::new(Duration::from_secs(60), 1 << 20);
    answer(&everything(), &view, context.clone()).unwrap();
    context.reserve(1 << 20, "testing").unwrap();
}

#[test]
fn a_bad_pattern_is_refused_at_once() {
    let bad = Filter::Test(Column::span("k"), Predicate::Text(TextMatch::Regex("(".into())));
    let plan = plan(
        Shape::Search {
            limit: 1,
            order: Order::Newest,
        },
        bad,
        TimeRange::ALL,
    );
    let view = view(
        &[],
        Spread {
            heads: 1,
            blocks: 0,
            runs: false,
            max_columns: 1_024,
        },
    );
    assert!(matches!(
        start(&plan, &view, QueryContext::unlimited()),
        Err(QueryError::Invalid(_))
    ));
}
