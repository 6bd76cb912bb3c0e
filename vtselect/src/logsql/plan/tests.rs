//! What is pushed to storage and what is left.

use common::ids::TenantId;
use common::query::logsql::stats::State;
use common::query::{Column, FunctionKind, Groups, Predicate, Projection, RowOrder, Shape, SpanField};
use common::time::UnixNanos;

use super::super::fields::StreamTexts;
use super::super::{ParseContext, parse_query};
use super::*;

fn query(text: &str) -> Query {
    parse_query(text, &ParseContext::at(0)).expect(text)
}

fn with_plan<R>(text: &str, check: impl FnOnce(Planned<'_>) -> R) -> R {
    let query = query(text);
    check(plan(&query, &query.filter, TenantId::default()).expect(text))
}

fn order_of(text: &str) -> (RowOrder, Option<usize>) {
    with_plan(text, |planned| match planned.plan.shape {
        Shape::Rows(rows) => (rows.order, rows.limit),
        other => panic!("{text}: {other:?}"),
    })
}

fn needed_of(text: &str) -> Option<Vec<String>> {
    match needed(&query(text).pipes) {
        Needed::All => None,
        Needed::Fields(names) => Some(names.into_iter().collect()),
    }
}

#[test]
fn filters_on_columns_are_pushed_and_the_rest_is_left() {
    for (text, tests, residual) in [
        ("*", 0, None),
        ("duration:>5ms name:a", 2, None),
        (r#"{resource_attr:service.name=~"k.*",name!=""}"#, 2, None),
        (r#""event:event_attr:exception.type":x"#, 1, None),
        ("name:a name:eq_field(kind)", 1, Some("name:eq_field(kind)")),
        (
            "name:a or name:eq_field(kind)",
            0,
            Some("name:a or name:eq_field(kind)"),
        ),
        ("unknown:a", 0, None),
        ("!unknown:a", 0, None),
    ] {
        let split = split(&query(text).filter);
        let count = match &split.pushed {
            common::query::Filter::And(filters) => filters.len(),
            common::query::Filter::Test(..) | common::query::Filter::Not(_) => 1,
            _ => 0,
        };
        assert_eq!(count, tests, "{text}: {:?}", split.pushed);
        assert_eq!(split.residual.map(|f| f.to_string()).as_deref(), residual, "{text}");
    }
}

#[test]
fn fields_that_no_span_has_decide_at_once() {
    for (text, pushed) in [
        ("unknown:a", common::query::Filter::None),
        ("!unknown:a", common::query::Filter::All),
        (r#"unknown:"""#, common::query::Filter::All),
        ("_msg:=\"-\"", common::query::Filter::All),
        ("word", common::query::Filter::None),
        (r#"{other="x"}"#, common::query::Filter::None),
        (r#"{other!="x"}"#, common::query::Filter::All),
        ("{}", common::query::Filter::All),
    ] {
        assert_eq!(split(&query(text).filter).pushed, pushed, "{text}");
    }
}

#[test]
fn times_of_the_conjunction_are_the_range() {
    let range =
        split(&query("_time:[1970-01-01T00:00:10Z, 1970-01-01T00:00:20Z] _time:>1970-01-01T00:00:15Z").filter).range;
    assert_eq!(
        (range.start, range.end),
        (UnixNanos(15_000_000_001), UnixNanos(20_999_999_999))
    );
    let inside = split(&query("name:a or _time:<1970-01-01T00:00:10Z").filter);
    assert_eq!(inside.range, common::time::TimeRange::ALL);
    assert!(inside.residual.is_none());
    assert_eq!(
        split(&query("_time:<1960-01-01Z").filter).pushed,
        common::query::Filter::None
    );
}

#[test]
fn limits_and_orders_of_numbers_are_pushed() {
    let duration = |descending| RowOrder::ByNumber {
        column: Column::Field(SpanField::Duration),
        descending,
    };
    for (text, expected) in [
        ("* | sort by (duration desc) limit 20", (duration(true), Some(20))),
        (
            "* | fields duration | sort by (duration) limit 5 offset 2",
            (duration(false), Some(7)),
        ),
        ("* | last 3 by (duration)", (duration(true), Some(3))),
        ("* | sort by (_time desc) limit 1", (RowOrder::Newest, Some(1))),
        ("* | limit 7", (RowOrder::Any, Some(7))),
        ("* | math duration / 2 as half | limit 7", (RowOrder::Any, Some(7))),
        (
            "* | math 1 as duration | sort by (duration) limit 7",
            (RowOrder::Any, None),
        ),
        ("* | sort by (name) limit 7", (RowOrder::Any, None)),
        ("* | sort by (duration)", (RowOrder::Any, None)),
        ("* | filter name:eq_field(kind) | limit 7", (RowOrder::Any, None)),
        ("* | fields name | filter name:a | limit 7", (RowOrder::Any, None)),
    ] {
        assert_eq!(order_of(text), expected, "{text}");
    }
}

#[test]
fn only_needed_fields_are_read() {
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    for (text, expected) in [
        ("*", None),
        ("* | fields name, kind", names(&["kind", "name"])),
        ("* | delete name", None),
        (
            "* | sort by (duration) limit 3 | fields name",
            names(&["duration", "name"]),
        ),
        ("* | row_any(name) x", names(&["name"])),
        (
            "* | stats by (kind) values(name) if (flags:1) x, count() c",
            names(&["flags", "kind", "name"]),
        ),
        ("* | math duration / 1000 as ms | fields ms", names(&["duration"])),
        ("* | copy name as n | fields n", names(&["name"])),
        ("* | rename name as n | fields n, kind", names(&["kind", "name"])),
        ("* | fields span_attr:*", None),
        ("* | uniq by (kind)", names(&["kind"])),
    ] {
        assert_eq!(needed_of(text), expected, "{text}");
    }
    with_plan("* | fields _stream, _time", |planned| {
        let Shape::Rows(rows) = planned.plan.shape else {
            panic!("rows")
        };
        let expected = [
            Column::service(),
            Column::Field(SpanField::Name),
            Column::Field(SpanField::Start),
        ];
        assert_eq!(rows.projection, Projection::Columns(expected.to_vec()));
    });
}

#[test]
fn statistics_are_aggregates_with_shared_states() {
    with_plan(
        "* | stats by (name, _time:1h) quantile(0.5, duration) a, quantile(0.99, duration) b, avg(duration) c, count() d, rate() e | filter d:>1",
        |planned| {
            let Shape::Aggregate(query) = &planned.plan.shape else {
                panic!("an aggregate")
            };
            let kinds: Vec<_> = query.functions.iter().map(|f| f.kind.clone()).collect();
            assert_eq!(kinds, [FunctionKind::Quantile, FunctionKind::Sum, FunctionKind::Count]);
            assert_eq!(query.by.len(), 2);
            assert_eq!(planned.pipes.len(), 1);
        },
    );
    for text in [
        "* | stats count_uniq(_stream)",
        "* | stats row_any()",
        "* | stats by (name) max(_time, name)",
        "* | stats count() if (name:eq_field(kind))",
        "name:eq_field(kind) | stats count()",
    ] {
        with_plan(text, |planned| {
            assert!(matches!(planned.plan.shape, Shape::Rows(_)), "{text}")
        });
    }
}

#[test]
fn ends_of_time_are_those_of_the_start() {
    with_plan("* | stats by (name) max(_time) last", |planned| {
        let (Shape::Aggregate(query), Source::Stats(grouping)) = (&planned.plan.shape, &planned.source) else {
            panic!("an aggregate")
        };
        assert_eq!(query.functions[0].columns, [start()]);
        let mut state = query.functions[0].kind.new_state();
        if let State::Extreme(extreme) = &mut state {
            extreme.update_text(&"1763000000000000001".into());
        }
        let groups = Groups::from([(vec!["work".into()], vec![state])]);
        let mut last = String::new();
        let mut streams = StreamTexts::new(TenantId::default());
        let taken = grouping.rows(groups, 1.0, &mut streams, &mut |rows| {
            last = rows.get("last", 0).to_owned();
            Ok::<_, ExecError>(true)
        });
        taken.expect("rows");
        assert_eq!(last, "2025-11-13T02:13:20.000000001Z");
    });
}

#[test]
fn a_field_with_many_values_is_for_filters_only() {
    let query = query(r#""event:event_name":x | fields "event:event_name""#);
    let error = plan(&query, &query.filter, TenantId::default())
        .err()
        .expect("an error");
    assert!(error.to_string().contains("\"event:event_name:0\""), "{error}");
    let filter = split(&query.filter);
    assert!(matches!(
        filter.pushed,
        common::query::Filter::Test(Column::Event { index: None, .. }, Predicate::Field(_))
    ));
}
