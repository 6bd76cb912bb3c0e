//! Aggregates over heads and blocks against their definition.

use crate::leaf::testing::{NOON, filter, single_column, spans};
use crate::leaf::tests::{SPREAD, answer, distinct, plan, ranges, some_spans, spreads, view};
use common::contract::{QueryContext, QueryError};
use common::memory;
use common::query::logsql::order::compare_values;
use common::query::logsql::stats::State;
use common::query::logsql::value::{Bucket, BucketSize, MINUTE};
use common::query::{
    AggregateQuery, Answer, Column, Filter, Function, FunctionKind, GroupKey, Groups, Plan, Shape, SpanField,
};
use common::span::Span;
use common::time::{TimeRange, UnixNanos};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::cmp::Ordering;
use std::time::Duration;

fn bucket() -> impl Strategy<Value = Bucket> {
    let sizes = vec![
        BucketSize::Number(1.0),
        BucketSize::Number(0.5),
        BucketSize::Number(1_000.0),
        BucketSize::Number(1e9),
        BucketSize::Number(60e9),
        BucketSize::Week,
        BucketSize::Month,
        BucketSize::Year,
    ];
    (select(sizes), select(vec![0.0, 7.0, -3.0, 60e9])).prop_map(|(size, offset)| Bucket { size, offset })
}

/// Often the start, which has ways of its own.
fn key() -> impl Strategy<Value = GroupKey> {
    let column = prop_oneof![
        3 => single_column(),
        1 => Just(Column::Field(SpanField::Start)),
        1 => Just(Column::service()),
    ];
    (column, proptest::option::of(bucket())).prop_map(|(column, bucket)| GroupKey { column, bucket })
}

fn kind() -> impl Strategy<Value = FunctionKind> {
    select(vec![
        FunctionKind::Count,
        FunctionKind::Count,
        FunctionKind::CountEmpty,
        FunctionKind::CountUniq { limit: 0 },
        FunctionKind::CountUniq { limit: 2 },
        FunctionKind::CountUniqHash { limit: 0 },
        FunctionKind::CountUniqHash { limit: 2 },
        FunctionKind::Sum,
        FunctionKind::Min,
        FunctionKind::Max,
        FunctionKind::Quantile,
        FunctionKind::QuantileOfPart { exact: 10_000 },
        FunctionKind::SumLen,
    ])
}

fn function() -> impl Strategy<Value = Function> {
    let condition = prop_oneof![2 => Just(None), 1 => filter().prop_map(Some)];
    (kind(), vec(single_column(), 0..3), condition).prop_map(|(kind, columns, condition)| Function {
        kind,
        columns,
        condition,
    })
}

pub(in crate::leaf) fn query() -> impl Strategy<Value = AggregateQuery> {
    (vec(key(), 0..4), vec(function(), 0..4)).prop_map(|(by, functions)| AggregateQuery { by, functions })
}

/// What the state tells. Texts that compare as equal are one text: which of them is kept depends on the order.
fn told(state: &State) -> String {
    let canonical = |text: &str| match text {
        "-0" | "-0.0" => "0".to_owned(),
        text => match text.parse::<f64>() {
            Ok(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
            _ => text.to_owned(),
        },
    };
    match state {
        State::Count(count) => count.get().to_string(),
        State::Uniq(uniq) => uniq.count().to_string(),
        State::UniqHash(uniq) => uniq.count().to_string(),
        // Fractions are added in any order.
        State::Sum(sum) => format!("{:.9e} {:.9e}", sum.sum(), sum.mean()),
        State::Extreme(extreme) => canonical(&extreme.text()),
        State::Quantile(quantile) => {
            let texts = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0].map(|phi| canonical(&quantile.text(phi)));
            format!("{texts:?}")
        }
        other => format!("{other:?}"),
    }
}

pub(in crate::leaf) fn groups(answer: Answer) -> Groups {
    match answer {
        Answer::Groups { groups, .. } => groups,
        other => panic!("{other:?}"),
    }
}

pub(in crate::leaf) fn comparable(groups: Groups) -> Vec<(Vec<String>, Vec<String>)> {
    let texts = |key: Vec<_>| key.iter().map(|text: &std::sync::Arc<str>| text.to_string()).collect();
    let mut all: Vec<(Vec<String>, Vec<String>)> = groups
        .into_iter()
        .map(|(key, states)| (texts(key), states.iter().map(told).collect()))
        .collect();
    all.sort();
    all
}

fn check(plan: &Plan, spans: &[Span], spread: crate::leaf::tests::Spread) -> Result<(), TestCaseError> {
    let context = QueryContext::unlimited();
    let expected = groups(memory::answer(plan, spans, &context).unwrap());
    let found = groups(answer(plan, &view(spans, spread), context).unwrap());
    prop_assert_eq!(comparable(found), comparable(expected), "{:?}", plan);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn groups_are_what_their_definition_says(
        spans in spans(60).prop_map(distinct),
        queries in vec((query(), prop_oneof![Just(Filter::All), filter()], ranges()), 1..6),
        spread in spreads(),
        max_columns in prop_oneof![Just(1_024usize), 0..6usize],
    ) {
        let spread = crate::leaf::tests::Spread { max_columns, ..spread };
        for (query, filter, range) in queries {
            check(&plan(Shape::Aggregate(query), filter, range), &spans, spread)?;
        }
    }

    #[test]
    fn headers_count_as_rows_do(
        spans in spans(60).prop_map(distinct),
        minutes in vec(0..4u64, 60),
        bucket in proptest::option::of(bucket()),
        (from, to) in (0..300u64, 0..300u64),
        spread in spreads(),
    ) {
        let mut spans = spans;
        for (span, minute) in spans.iter_mut().zip(minutes) {
            span.start = UnixNanos(span.start.0 + minute * MINUTE.cast_unsigned());
        }
        let spans = distinct(spans);
        let at = |seconds: u64| UnixNanos(NOON + seconds * 1_000_000_000);
        let by = bucket.map(|bucket| GroupKey { column: Column::Field(SpanField::Start), bucket: Some(bucket) });
        let count = Function { kind: FunctionKind::Count, columns: Vec::new(), condition: None };
        let query = AggregateQuery { by: by.into_iter().collect(), functions: vec![count] };
        for range in [TimeRange::ALL, TimeRange::new(at(from), at(to)), TimeRange::new(at(from / 60 * 60), at(300))] {
            check(&plan(Shape::Aggregate(query.clone()), Filter::All, range), &spans, spread)?;
        }
    }
}

#[test]
fn equal_texts_of_a_test_compare_as_equal() {
    for (a, b) in [("-0", "0"), ("500", "500.0")] {
        assert_eq!(compare_values(a, b), Ordering::Equal);
    }
}

fn by_id() -> Plan {
    let key = GroupKey {
        column: Column::Field(SpanField::SpanId),
        bucket: None,
    };
    let quantile = Function {
        kind: FunctionKind::Quantile,
        columns: vec![Column::Field(SpanField::Duration)],
        condition: None,
    };
    let query = AggregateQuery {
        by: vec![key],
        functions: vec![quantile],
    };
    plan(Shape::Aggregate(query), Filter::All, TimeRange::ALL)
}

#[test]
fn groups_keep_to_the_memory_and_give_it_back() {
    let view = view(&some_spans(), SPREAD);
    let small = QueryContext::new(Duration::from_secs(60), 1_000);
    let outcome = answer(&by_id(), &view, small);
    assert!(
        matches!(&outcome, Err(QueryError::OverBudget { what, .. }) if *what == "grouping spans"),
        "{outcome:?}"
    );
    let enough = QueryContext::new(Duration::from_secs(60), 1 << 20);
    assert_eq!(groups(answer(&by_id(), &view, enough.clone()).unwrap()).len(), 49);
    enough.reserve(1 << 20, "testing").unwrap();
}

#[test]
fn columns_of_any_event_are_refused() {
    let key = GroupKey {
        column: Column::event("k"),
        bucket: None,
    };
    let query = AggregateQuery {
        by: vec![key],
        functions: Vec::new(),
    };
    let plan = plan(Shape::Aggregate(query), Filter::All, TimeRange::ALL);
    let outcome = answer(&plan, &view(&some_spans(), SPREAD), QueryContext::unlimited());
    assert!(matches!(outcome, Err(QueryError::Invalid(_))));
}
