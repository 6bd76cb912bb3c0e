//! Quantiles: each node keeps its share of the values, and all are asked for again where that was too little.

use super::{Bench, plan, span};
use crate::query::cluster::tests::fake::Cluster;
use common::cluster::NodeId;
use common::query::logsql::stats::State;
use common::query::{AggregateQuery, Answer, Column, Function, FunctionKind, Plan, Shape, SpanField};

fn quantile() -> Plan {
    plan(Shape::Aggregate(AggregateQuery {
        by: Vec::new(),
        functions: vec![Function {
            kind: FunctionKind::Quantile,
            columns: vec![Column::Field(SpanField::Start)],
            condition: None,
        }],
    }))
}

/// Three nodes, two copies; the number of spans of each trace.
fn bench(traces: &[u64]) -> Bench {
    let mut bench = Bench::new(Cluster::new(3, 1, |slot, _| {
        let first = u64::from(slot) % 3;
        vec![first + 1, (first + 1) % 3 + 1]
    }));
    for (trace, spans) in (0..).zip(traces) {
        for at in 0..*spans {
            let span = span(trace, at);
            bench.cluster.store(1, &span);
            bench.spans.push(span);
        }
    }
    bench
}

fn texts(answer: &Answer) -> Vec<String> {
    let Answer::Groups { groups, .. } = answer else {
        panic!("{answer:?}")
    };
    let states = groups.values().flatten();
    let quantiles = states.flat_map(|state| match state {
        State::Quantile(quantile) => [0.0, 0.3, 0.5, 0.95, 1.0].map(|phi| quantile.text(phi).to_string()),
        other => panic!("{other:?}"),
    });
    quantiles.collect()
}

/// How often nodes were asked for values, beside being asked whether they are there.
async fn asked(bench: &Bench) -> usize {
    let plan = quantile();
    let (answer, partial) = bench.ask(&plan, false).await.unwrap();
    assert!(!partial);
    assert_eq!(texts(&answer), texts(&bench.expected(&plan)));
    (1..=3).map(|id| bench.cluster.asked(id)).sum()
}

#[tokio::test]
async fn a_share_of_the_values_is_enough_where_traces_are_spread() {
    let even = bench(&[20; 150]);
    assert_eq!(asked(&even).await, 3);
    let many = bench(&[1_500; 10]);
    assert_eq!(asked(&many).await, 3);
}

#[tokio::test]
async fn all_values_are_asked_for_where_one_node_has_most_of_them() {
    let skewed = bench(&[5_000, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(asked(&skewed).await, 6);
}

#[tokio::test]
async fn a_node_that_fails_is_replaced() {
    let bench = bench(&[20; 60]);
    bench.cluster.fail(2, super::Fault::Refuses);
    let (answer, _) = bench.ask(&quantile(), false).await.unwrap();
    assert_eq!(texts(&answer), texts(&bench.expected(&quantile())));
    assert!(bench.cluster.asked(NodeId(1).0) > 0);
}
