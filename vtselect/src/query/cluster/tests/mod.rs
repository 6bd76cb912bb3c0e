//! Queries over a cluster in memory whose nodes fail: each span is read once, or the answer says that it is short.

mod fake;
mod quantiles;

use super::ClusterSource;
use common::cluster::{ClusterView as _, NodeId};
use common::contract::{QueryContext, QueryError, collect};
use common::memory;
use common::query::{
    AggregateQuery, Answer, CatalogueQuery, Column, Filter, Function, FunctionKind, GroupKey, Order, Plan, Projection,
    RowOrder, RowPart, RowsQuery, Shape, SpanField,
};
use common::span::Span;
use common::time::TimeRange;
use fake::{Cluster, Fault, TENANT, span};
use futures::StreamExt as _;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn plan(shape: Shape) -> Plan {
    Plan {
        tenant: TENANT,
        range: TimeRange::ALL,
        filter: Filter::All,
        shape,
    }
}

fn rows() -> Plan {
    plan(Shape::Rows(RowsQuery {
        projection: Projection::Spans,
        order: RowOrder::Any,
        limit: None,
    }))
}

fn search(limit: usize) -> Plan {
    plan(Shape::Search {
        limit,
        order: Order::Newest,
    })
}

fn counts() -> Plan {
    plan(Shape::Aggregate(AggregateQuery {
        by: vec![GroupKey {
            column: Column::service(),
            bucket: None,
        }],
        functions: vec![Function {
            kind: FunctionKind::Count,
            columns: Vec::new(),
            condition: None,
        }],
    }))
}

/// How many spans the groups count.
fn counted(answer: &Answer) -> u64 {
    let Answer::Groups { groups, .. } = answer else {
        panic!("{answer:?}")
    };
    let count = |state: &common::query::logsql::stats::State| match state {
        common::query::logsql::stats::State::Count(count) => count.get(),
        other => panic!("{other:?}"),
    };
    groups.values().map(|states| count(&states[0])).sum()
}

/// The spans of an answer, by the number of times that they are in it.
fn spans_of(answer: &Answer) -> BTreeMap<String, usize> {
    let mut spans: Vec<&Span> = Vec::new();
    match answer {
        Answer::Rows { parts, .. } => parts.iter().for_each(|part| match part {
            RowPart::Spans(more) => spans.extend(more),
            RowPart::Columns(_) => panic!("no columns were asked for"),
        }),
        Answer::Traces { found, .. } => spans.extend(found.iter().flat_map(|found| &found.trace.spans)),
        other => panic!("{other:?}"),
    }
    let mut counts = BTreeMap::new();
    for span in spans {
        *counts.entry(format!("{} {}", span.trace_id, span.span_id)).or_default() += 1;
    }
    counts
}

struct Bench {
    cluster: Arc<Cluster>,
    source: ClusterSource,
    spans: Vec<Span>,
}

impl Bench {
    fn new(cluster: Cluster) -> Self {
        let cluster = Arc::new(cluster);
        Self {
            source: ClusterSource::new(cluster.clone()),
            cluster,
            spans: Vec::new(),
        }
    }

    /// Three nodes, two copies, one epoch, 40 traces of 5 spans.
    fn simple() -> Self {
        let mut bench = Self::new(Cluster::new(3, 1, |slot, _| {
            let first = u64::from(slot) % 3;
            vec![first + 1, (first + 1) % 3 + 1]
        }));
        bench.fill(1);
        bench
    }

    /// Stores 40 traces whose spans are written under epochs in turn.
    fn fill(&mut self, epochs: u32) {
        for trace in 0..40 {
            for at in 0..5 {
                let span = span(trace, at);
                self.cluster.store(at as u32 % epochs + 1, &span);
                self.spans.push(span);
            }
        }
    }

    fn expected(&self, plan: &Plan) -> Answer {
        memory::answer(plan, &self.spans, &QueryContext::unlimited()).unwrap()
    }

    /// The answer, and whether it is partial.
    async fn ask(&self, plan: &Plan, allow_partial: bool) -> Result<(Answer, bool), QueryError> {
        let context = QueryContext::new(Duration::from_secs(60), 64 << 20);
        context.allow_partial(allow_partial);
        let answer = collect(&self.source, plan.clone(), context.clone()).await?;
        Ok((answer, context.is_partial()))
    }

    /// Asserts that everything is there once, unmarked.
    async fn check_complete(&self) {
        for plan in [rows(), search(7), search(1_000), self.by_id()] {
            let (answer, partial) = self.ask(&plan, false).await.unwrap();
            assert!(!partial);
            assert_eq!(spans_of(&answer), spans_of(&self.expected(&plan)), "{plan:?}");
        }
        let (answer, _) = self.ask(&counts(), false).await.unwrap();
        assert_eq!(counted(&answer), self.spans.len() as u64);
        let services = Plan::catalogue(TENANT, CatalogueQuery::Services);
        assert_eq!(self.ask(&services, false).await.unwrap().0, self.expected(&services));
    }

    fn by_id(&self) -> Plan {
        Plan::traces_by_id(
            TENANT,
            self.spans.iter().step_by(35).map(|span| span.trace_id).collect(),
        )
    }
}

#[tokio::test(start_paused = true)]
async fn every_span_is_read_once_from_nodes_that_share_the_work() {
    let bench = Bench::simple();
    bench.check_complete().await;
    assert!((1..=3).all(|id| bench.cluster.asked(id) > 3));
}

#[tokio::test(start_paused = true)]
async fn traces_by_id_ask_owners_only() {
    let bench = Bench::new(Cluster::new(
        3,
        1,
        |slot, _| if slot < 8 { vec![1] } else { vec![2, 3] },
    ));
    let low = (0..)
        .find(|n| common::cluster::Slot::of(span(*n, 0).trace_id, fake::SLOTS).0 < 8)
        .unwrap();
    bench.cluster.store(1, &span(low, 0));
    let plan = Plan::traces_by_id(TENANT, vec![span(low, 0).trace_id]);
    let (answer, _) = bench.ask(&plan, false).await.unwrap();
    assert_eq!(spans_of(&answer).len(), 1);
    assert_eq!((1..=3).map(|id| bench.cluster.asked(id)).collect::<Vec<_>>(), [1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn traces_whose_spans_lie_on_nodes_of_several_epochs_are_whole() {
    let mut bench = Bench::new(Cluster::new(
        4,
        2,
        |_, epoch| if epoch == 1 { vec![1, 2] } else { vec![3, 4] },
    ));
    bench.fill(2);
    bench.check_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_search_reads_the_traces_that_it_gives_and_no_others() {
    let bench = Bench::simple();
    for order in [Order::Newest, Order::Slowest] {
        let before = bench.cluster.traces();
        let plan = plan(Shape::Search { limit: 7, order });
        let (answer, _) = bench.ask(&plan, false).await.unwrap();
        let Answer::Traces { found, .. } = answer else { panic!() };
        let Answer::Traces { found: expected, .. } = bench.expected(&plan) else {
            panic!()
        };
        assert_eq!(found, expected);
        assert_eq!(bench.cluster.traces() - before, 7);
    }
}

#[tokio::test(start_paused = true)]
async fn the_best_traces_are_found_where_one_node_has_all_of_them() {
    let mut bench = Bench::new(Cluster::new(3, 1, |_, _| vec![1]));
    bench.fill(1);
    for limit in [1, 14, 20, 30, 39, 40, 41] {
        let plan = search(limit);
        let (Answer::Traces { found, .. }, _) = bench.ask(&plan, false).await.unwrap() else {
            panic!()
        };
        let Answer::Traces { found: expected, .. } = bench.expected(&plan) else {
            panic!()
        };
        assert_eq!(found, expected, "{limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_replica_takes_over_whatever_happens_to_a_node() {
    for fault in [
        Fault::Refuses,
        Fault::Silent,
        Fault::BreaksAfter(0),
        Fault::BreaksAfter(9),
        Fault::BreaksAfter(1_000),
        Fault::SilentAfter(9),
        Fault::NotInSync,
        Fault::Broken,
        Fault::Overloaded,
        Fault::NoTraces,
    ] {
        let bench = Bench::simple();
        bench.cluster.fail(2, fault);
        bench.check_complete().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_is_refused_where_all_that_hold_something_are_overloaded() {
    let bench = Bench::simple();
    [1, 2]
        .into_iter()
        .for_each(|id| bench.cluster.fail(id, Fault::Overloaded));
    for allow_partial in [false, true] {
        let refused = bench.ask(&rows(), allow_partial).await.map(|_| ());
        assert!(matches!(refused, Err(QueryError::Overloaded(_))), "{refused:?}");
    }
    bench.cluster.fail(1, None);
    bench.check_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_node_is_left_out_until_it_answers_again() {
    let bench = Bench::simple();
    bench.cluster.fail(2, Fault::Silent);
    bench.ask(&rows(), false).await.unwrap();
    let asked = bench.cluster.asked(2);
    let began = tokio::time::Instant::now();
    for _ in 0..20 {
        bench.ask(&rows(), false).await.unwrap();
    }
    assert_eq!(bench.cluster.asked(2), asked);
    assert!(began.elapsed() < Duration::from_millis(100));
    bench.cluster.fail(2, None);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    bench.ask(&rows(), false).await.unwrap();
    assert_eq!(bench.cluster.asked(2), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_holds_is_refused_or_said_to_be_missing() {
    let bench = Bench::simple();
    bench.cluster.fail(1, Fault::Refuses);
    bench.cluster.fail(2, Fault::BreaksAfter(0));
    for plan in [rows(), search(1_000), counts()] {
        let refused = bench.ask(&plan, false).await.map(|_| ());
        assert!(matches!(refused, Err(QueryError::Unavailable(_))), "{refused:?}");
        let (_, partial) = bench.ask(&plan, true).await.unwrap();
        assert!(partial);
    }
    let (answer, _) = bench.ask(&rows(), true).await.unwrap();
    let (found, all) = (spans_of(&answer), spans_of(&bench.expected(&rows())));
    assert!(found.len() > 50 && found.len() < all.len());
    assert!(found.values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn a_marked_node_is_asked_as_a_last_resort_only() {
    let mut bench = Bench::new(Cluster::new(2, 1, |_, _| vec![1, 2]));
    bench.fill(1);
    bench.cluster.mark(2);
    bench.check_complete().await;
    assert_eq!(bench.cluster.asked(2), 0);
    bench.cluster.fail(1, Fault::Refuses);
    assert!(bench.ask(&rows(), false).await.is_err());
    let (answer, partial) = bench.ask(&rows(), true).await.unwrap();
    assert!(partial);
    assert_eq!(spans_of(&answer), spans_of(&bench.expected(&rows())));
}

#[tokio::test(start_paused = true)]
async fn a_query_waits_for_a_new_leader_and_a_newer_state_is_asked_for() {
    let bench = Bench::simple();
    (1..=3).for_each(|id| bench.cluster.fail(id, Fault::NotInSync));
    let cluster = bench.cluster.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(900)).await;
        (1..=3).for_each(|id| cluster.fail(id, None));
    });
    bench.check_complete().await;
    assert!(
        bench
            .cluster
            .refreshed
            .lock()
            .contains(&bench.cluster.state().unwrap().version)
    );
}

#[tokio::test(start_paused = true)]
async fn a_query_waits_to_hear_that_a_mark_was_lifted() {
    let mut bench = Bench::new(Cluster::new(2, 1, |_, _| vec![1, 2]));
    bench.fill(1);
    bench.cluster.mark(2);
    bench.cluster.fail(1, Fault::Refuses);
    let cluster = bench.cluster.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(cluster.refreshed.lock().contains(&7));
        cluster.unmark(2);
    });
    bench.check_complete().await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_fail_for_a_moment_are_asked_again() {
    let bench = Bench::simple();
    (1..=3).for_each(|id| bench.cluster.fail(id, Fault::BreaksAfter(1)));
    let cluster = bench.cluster.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        (1..=3).for_each(|id| cluster.fail(id, None));
    });
    bench.check_complete().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_leases_is_partial() {
    let bench = Bench::simple();
    (1..=3).for_each(|id| bench.cluster.fail(id, Fault::NotInSync));
    assert!(matches!(
        bench.ask(&rows(), false).await,
        Err(QueryError::Unavailable(_))
    ));
    let (answer, partial) = bench.ask(&rows(), true).await.unwrap();
    assert!(partial);
    assert_eq!(spans_of(&answer), spans_of(&bench.expected(&rows())));
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_plan_are_not_tried_elsewhere() {
    let bench = Bench::simple();
    let bad = plan(Shape::Rows(RowsQuery {
        projection: Projection::Columns(vec![Column::Event {
            index: None,
            field: common::query::EventField::Name,
        }]),
        order: RowOrder::Any,
        limit: None,
    }));
    assert!(matches!(bench.ask(&bad, true).await, Err(QueryError::Invalid(_))));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_gone_from_the_view_is_missing() {
    let bench = Bench::new(Cluster::new(2, 1, |_, _| vec![9]));
    assert!(bench.ask(&rows(), false).await.is_err());
    assert!(bench.ask(&rows(), true).await.unwrap().1);
    assert!(!bench.cluster.nodes.contains_key(&NodeId(9)));
}

/// Rows beyond what is kept are handed on at once, within a budget that could not hold them.
#[tokio::test(start_paused = true)]
async fn long_lists_of_rows_pass_with_little_memory_and_survive_a_failure() {
    for fault in [None, Some(Fault::BreaksAfter(60))] {
        let bench = Bench::simple();
        bench.cluster.fail(2, fault);
        let context = QueryContext::new(Duration::from_secs(60), 24 << 10);
        let answer = collect(&bench.source, rows(), context.clone()).await.unwrap();
        assert_eq!(spans_of(&answer), spans_of(&bench.expected(&rows())));
        assert!(!context.is_partial());
        context.reserve(24 << 10, "all that was reserved is released").unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn columns_that_were_handed_on_are_not_repeated() {
    let bench = Bench::simple();
    let names = plan(Shape::Rows(RowsQuery {
        projection: Projection::Columns(vec![Column::service(), Column::Field(SpanField::Name)]),
        order: RowOrder::Any,
        limit: None,
    }));
    bench.cluster.fail(2, Fault::BreaksAfter(1));
    let (answer, _) = bench.ask(&names, false).await.unwrap();
    let Answer::Rows { parts, .. } = answer else { panic!() };
    assert_eq!(parts.iter().map(RowPart::len).sum::<usize>(), bench.spans.len());
}

#[tokio::test(start_paused = true)]
async fn dropping_an_answer_ends_its_queries() {
    use common::contract::SpanSource as _;
    let bench = Bench::simple();
    bench.cluster.fail(2, Fault::SilentAfter(1));
    let context = QueryContext::new(Duration::from_secs(60), 1 << 20);
    let mut answer = bench.source.query(rows(), context.clone()).await.unwrap();
    assert!(answer.next().await.unwrap().is_ok());
    drop(answer);
    tokio::time::sleep(Duration::from_secs(5)).await;
    context.reserve(1 << 20, "all that was reserved is released").unwrap();
}

fn any_fault() -> impl Strategy<Value = Option<Fault>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Fault::Refuses)),
        1 => Just(Some(Fault::Silent)),
        1 => (0usize..90).prop_map(|count| Some(Fault::BreaksAfter(count))),
        1 => (0usize..90).prop_map(|count| Some(Fault::SilentAfter(count))),
        1 => Just(Some(Fault::NotInSync)),
        1 => Just(Some(Fault::Broken)),
        1 => Just(Some(Fault::NoTraces)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn each_span_is_there_once_or_the_answer_says_that_it_is_short(
        replicas in prop::collection::vec(prop::collection::btree_set(1u64..=5, 1..4), 48),
        faults in prop::collection::vec((any_fault(), any_fault()), 5),
        marked in prop::option::of(1u64..=5),
        epochs in 1u32..=3,
    ) {
        let history = |slot: u16, epoch: u32| {
            let at = usize::from(slot) * 3 + epoch as usize - 1;
            replicas[at].iter().copied().collect()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut bench = Bench::new(Cluster::new(5, epochs, history));
            bench.fill(1);
            marked.into_iter().for_each(|id| bench.cluster.mark(id));
            // Stored while a node bears its mark, which misses them; some under later epochs.
            for trace in 40..80 {
                for at in 0..5 {
                    let span = span(trace, at);
                    bench.cluster.store(at as u32 % epochs + 1, &span);
                    bench.spans.push(span);
                }
            }
            for round in [0, 1] {
                for (at, (first, second)) in faults.iter().enumerate() {
                    bench.cluster.fail(at as u64 + 1, if round == 0 { *first } else { *second });
                }
                for plan in [rows(), search(1_000), bench.by_id()] {
                    check_answer(&bench, &plan).await;
                }
                let (answer, partial) = bench.ask(&counts(), true).await.unwrap();
                let all = bench.spans.len() as u64;
                assert!(if partial { counted(&answer) <= all } else { counted(&answer) == all });
            }
        });
    }
}

async fn check_answer(bench: &Bench, plan: &Plan) {
    let all = spans_of(&bench.expected(plan));
    let (answer, partial) = bench.ask(plan, true).await.unwrap();
    let found = spans_of(&answer);
    assert!(found.values().all(|count| *count == 1), "spans are there twice");
    match partial {
        true => assert!(found.keys().all(|span| all.contains_key(span))),
        false => assert_eq!(found, all),
    }
    if let Ok((answer, partial)) = bench.ask(plan, false).await {
        assert!(!partial);
        assert_eq!(spans_of(&answer), all);
    }
}
