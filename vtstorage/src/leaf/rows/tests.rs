//! Rows of heads and blocks against their definition.

use crate::leaf::testing::{filter, single_column, spans};
use crate::leaf::tests::{SPREAD, Spread, answer, distinct, plan, ranges, some_spans, spreads, start, view};
use common::contract::{QueryContext, QueryError};
use common::memory;
use common::query::eval::{ColumnValue, first_value};
use common::query::{
    Answer, Column, Filter, Plan, Projection, RowOrder, RowPart, RowsQuery, Shape, SpanField, field_text,
};
use common::span::Span;
use common::time::TimeRange;
use common::value::AttrValue;
use futures::StreamExt;
use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

pub(in crate::leaf) fn order() -> impl Strategy<Value = RowOrder> {
    let column = prop_oneof![
        2 => Just(Column::Field(SpanField::Duration)),
        1 => Just(Column::span("code")),
        1 => single_column(),
    ];
    prop_oneof![
        Just(RowOrder::Any),
        Just(RowOrder::Newest),
        (column, any::<bool>()).prop_map(|(column, descending)| RowOrder::ByNumber { column, descending }),
    ]
}

pub(in crate::leaf) fn parts(answer: Answer) -> Vec<RowPart> {
    match answer {
        Answer::Rows { parts, .. } => parts,
        other => panic!("{other:?}"),
    }
}

/// Each row as a text; without order.
pub(in crate::leaf) fn comparable(parts: Vec<RowPart>, columns: &[Column]) -> Vec<String> {
    let mut rows = Vec::new();
    for part in parts {
        match part {
            RowPart::Spans(spans) => rows.extend(spans.iter().map(|span| format!("{span:?}"))),
            RowPart::Columns(part) => {
                assert_eq!(part.columns.len(), columns.len());
                rows.extend((0..part.len).map(|row| {
                    let values = part.columns.iter().zip(columns).map(|(values, column)| {
                        // No value and the empty text of a field are the same.
                        values
                            .get(row)
                            .filter(|value| {
                                !matches!(column, Column::Field(_)) || !field_text(column, value).is_empty()
                            })
                            .filter(|value| {
                                *value != AttrValue::Str("".into()) || common::query::is_always_shown(column)
                            })
                    });
                    format!("{:?}", values.collect::<Vec<_>>())
                }));
            }
        }
    }
    rows.sort();
    rows
}

/// What the order looks at, as text.
fn rank(order: &RowOrder, span: &Span) -> String {
    let (column, number) = match order {
        RowOrder::Any => return String::new(),
        RowOrder::Newest => return span.start.0.to_string(),
        RowOrder::ByNumber { column, .. } => (column, first_value(column, span)),
    };
    let double = |number: f64| {
        if number.is_nan() {
            String::new()
        } else {
            format!("{:e}", number + 0.0)
        }
    };
    match number {
        Some(ColumnValue::Int(number)) => double(number as f64),
        Some(ColumnValue::Duration(number)) => double(number as f64),
        Some(ColumnValue::Attr(AttrValue::Int(number))) => double(*number as f64),
        Some(ColumnValue::Attr(AttrValue::Double(number))) => double(*number),
        _ => {
            let _ = column;
            String::new()
        }
    }
}

pub(in crate::leaf) fn ranks(parts: Vec<RowPart>, order: &RowOrder) -> Vec<String> {
    let spans = parts.into_iter().flat_map(|part| match part {
        RowPart::Spans(spans) => spans,
        RowPart::Columns(_) => panic!("spans were asked for"),
    });
    let mut ranks: Vec<String> = spans.map(|span| rank(order, &span)).collect();
    ranks.sort();
    ranks
}

pub(in crate::leaf) fn query(projection: Projection, order: RowOrder, limit: Option<usize>) -> Shape {
    Shape::Rows(RowsQuery {
        projection,
        order,
        limit,
    })
}

fn both(plan: &Plan, spans: &[Span], spread: Spread) -> (Vec<RowPart>, Vec<RowPart>) {
    let context = QueryContext::unlimited();
    let expected = memory::answer(plan, spans, &context).unwrap();
    let found = answer(plan, &view(spans, spread), context).unwrap();
    (parts(found), parts(expected))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn all_matching_rows_are_found(
        spans in spans(60).prop_map(distinct),
        columns in vec(single_column(), 0..6),
        filters in vec((prop_oneof![Just(Filter::All), filter()], ranges()), 1..4),
        order in order(),
        spread in spreads(),
        max_columns in prop_oneof![Just(1_024usize), 0..6usize],
    ) {
        let spread = Spread { max_columns, ..spread };
        for (filter, range) in filters {
            let shape = query(Projection::Columns(columns.clone()), order.clone(), None);
            let (found, expected) = both(&plan(shape, filter.clone(), range), &spans, spread);
            prop_assert_eq!(comparable(found, &columns), comparable(expected, &columns));
            if spread.max_columns == 1_024 {
                let shape = query(Projection::Spans, order.clone(), None);
                let (found, expected) = both(&plan(shape, filter, range), &spans, spread);
                prop_assert_eq!(comparable(found, &columns), comparable(expected, &columns));
            }
        }
    }

    #[test]
    fn the_first_rows_of_an_order_are_found(
        spans in spans(60).prop_map(distinct),
        filters in vec((prop_oneof![Just(Filter::All), filter()], ranges()), 1..4),
        order in order(),
        limit in 0..12usize,
        spread in spreads(),
    ) {
        for (filter, range) in filters {
            let plan = plan(query(Projection::Spans, order.clone(), Some(limit)), filter, range);
            let (found, expected) = both(&plan, &spans, spread);
            prop_assert_eq!(ranks(found, &order), ranks(expected, &order), "{:?}", plan);
        }
    }
}

fn everything(projection: Projection) -> Plan {
    plan(query(projection, RowOrder::Any, None), Filter::All, TimeRange::ALL)
}

#[test]
fn rows_keep_to_the_memory_and_give_it_back() {
    let view = view(&some_spans(), SPREAD);
    let start_and_name = Projection::Columns(vec![Column::Field(SpanField::Start), Column::Field(SpanField::Name)]);
    for projection in [Projection::Spans, start_and_name] {
        let plan = everything(projection);
        let small = QueryContext::new(Duration::from_secs(60), 100);
        let outcome = answer(&plan, &view, small);
        assert!(
            matches!(&outcome, Err(QueryError::OverBudget { what, .. }) if *what == "making rows"),
            "{outcome:?}"
        );
        let enough = QueryContext::new(Duration::from_secs(60), 1 << 20);
        let rows: usize = parts(answer(&plan, &view, enough.clone()).unwrap())
            .iter()
            .map(RowPart::len)
            .sum();
        assert_eq!(rows, 49);
        enough.reserve(1 << 20, "testing").unwrap();
    }
}

#[test]
fn an_answer_without_rows_tells_what_was_scanned() {
    let view = view(&some_spans(), SPREAD);
    let mut plan = everything(Projection::Spans);
    plan.filter = Filter::text_equals(Column::Field(SpanField::Name), "nobody");
    let mut stream = start(&plan, &view, QueryContext::unlimited()).unwrap();
    let answers: Vec<Answer> = block_on(async {
        let mut answers = Vec::new();
        while let Some(part) = stream.next().await {
            answers.push(part.unwrap());
        }
        answers
    });
    let [Answer::Rows { parts, stats }] = answers.as_slice() else {
        panic!("{answers:?}");
    };
    assert!(parts.is_empty() && stats.blocks_considered == 2, "{stats:?}");
}
