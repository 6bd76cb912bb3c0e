//! What a search finds.

use super::bench::{Bench, TENANT, assert_same_spans, search as search_plan};
use super::spans::{SECOND, attr, noon, scope, service, span, trace_id};
use common::contract::{QueryContext, QueryError};
use common::query::{Column, Filter, Order, Plan, Predicate, Shape, SpanField, TextMatch};
use common::span::{Event, Link, Span, SpanKind, StatusCode, Trace};
use common::time::{TimeRange, UnixNanos};
use common::value::Attribute;

fn tag(key: &str, value: &str) -> Filter {
    Filter::text_equals(Column::span(key), value)
}

fn tagged(span: Span, attributes: Vec<Attribute>) -> Span {
    Span { attributes, ..span }
}

pub async fn conditions_hold_on_one_span(bench: &Bench) {
    let start = noon();
    let spans = [
        tagged(span(1, 1, start), vec![attr("a", "x")]),
        tagged(span(1, 2, start), vec![attr("b", "y")]),
        tagged(span(2, 3, start), vec![attr("a", "x"), attr("b", "y")]),
    ];
    bench.write(&spans).await;
    assert_eq!(bench.find(tag("a", "x").and(tag("b", "y"))).await, [2]);
    assert_eq!(
        bench.find(Filter::any(vec![tag("a", "z"), tag("b", "y")])).await,
        [1, 2]
    );
    assert_eq!(bench.find(tag("a", "x").and(!tag("b", "y"))).await, [1]);
    let in_second = TimeRange::new(UnixNanos(start + 1), UnixNanos::MAX);
    assert_eq!(bench.find_in(tag("a", "x"), in_second).await, Vec::<u128>::new());
}

pub async fn any_mix_of_conditions(bench: &Bench) {
    let start = noon();
    let wanted = Span {
        name: "GET /cart".into(),
        kind: SpanKind::SERVER,
        status_code: StatusCode::ERROR,
        end: UnixNanos(start + SECOND),
        attributes: vec![attr("http.status_code", 503i64), attr("user", "eve")],
        events: vec![Event {
            name: "exception".into(),
            attributes: vec![attr("exception.type", "IoError")],
            ..Event::default()
        }],
        links: vec![Link {
            attributes: vec![attr("why", "retry")],
            ..Link::default()
        }],
        scope: scope("http-lib", "2"),
        ..span(1, 1, start)
    };
    let number = |field, n: i128| Filter::Test(Column::Field(field), Predicate::Int { min: n, max: n });
    let conditions = [
        Filter::text_equals(Column::service(), "shop"),
        Filter::text_equals(Column::Field(SpanField::Name), "GET /cart"),
        number(SpanField::Kind, 2),
        number(SpanField::StatusCode, 2),
        Filter::Test(
            Column::Field(SpanField::Duration),
            Predicate::Int {
                min: i128::from(SECOND),
                max: i128::from(u64::MAX),
            },
        ),
        Filter::Test(
            Column::span("http.status_code"),
            Predicate::Number { min: 500.0, max: 599.0 },
        ),
        tag("user", "eve"),
        Filter::text_equals(Column::event("exception.type"), "IoError"),
        Filter::text_equals(Column::link("why"), "retry"),
        Filter::text_equals(Column::Field(SpanField::ScopeName), "http-lib"),
    ];
    // Each other trace fails one condition.
    let others = [
        Span {
            resource: service("other"),
            ..wanted.clone()
        },
        Span {
            name: "GET /".into(),
            ..wanted.clone()
        },
        Span {
            kind: SpanKind::CLIENT,
            ..wanted.clone()
        },
        Span {
            status_code: StatusCode::OK,
            ..wanted.clone()
        },
        Span {
            end: UnixNanos(start + SECOND - 1),
            ..wanted.clone()
        },
        tagged(
            wanted.clone(),
            vec![attr("http.status_code", 200i64), attr("user", "eve")],
        ),
        tagged(
            wanted.clone(),
            vec![attr("http.status_code", 503i64), attr("user", "bob")],
        ),
        Span {
            events: Vec::new(),
            ..wanted.clone()
        },
        Span {
            links: Vec::new(),
            ..wanted.clone()
        },
        Span {
            scope: scope("", ""),
            ..wanted.clone()
        },
    ];
    bench.write(&[wanted]).await;
    for (n, other) in others.into_iter().enumerate() {
        bench
            .write(&[Span {
                trace_id: trace_id(n as u128 + 2),
                ..other
            }])
            .await;
    }
    assert_eq!(bench.find(Filter::And(conditions.to_vec())).await, [1]);
    for (n, condition) in conditions.iter().enumerate() {
        let but_one = conditions.iter().filter(|other| *other != condition).cloned().collect();
        let negated = Filter::And(but_one).and(!condition.clone());
        assert_eq!(bench.find(negated).await, [n as u128 + 2], "{condition:?}");
    }
}

pub async fn whole_traces_come_back(bench: &Bench) {
    let start = noon();
    let day = 86_400 * SECOND;
    let spans = [
        tagged(span(1, 1, start), vec![attr("a", "x")]),
        span(1, 2, start + SECOND),
        Span {
            resource: service("other"),
            ..span(1, 3, start + day)
        },
        span(2, 4, start),
    ];
    bench.write(&spans).await;
    let range = TimeRange::new(UnixNanos(start), UnixNanos(start));
    let found = bench.traces(search_plan(tag("a", "x"), range, 10, Order::Newest)).await;
    assert_eq!(found.len(), 1);
    assert_same_spans(&found[0].spans, &Trace::new(trace_id(1), spans[..3].to_vec()).spans);
}

pub async fn range_ends_are_included(bench: &Bench) {
    let start = noon();
    bench
        .write(&[span(1, 1, start), span(2, 1, start + 1), span(3, 1, start + 2)])
        .await;
    let found = |from: u64, to: u64| {
        bench.find_in(
            Filter::All,
            TimeRange::new(UnixNanos(start + from), UnixNanos(start + to)),
        )
    };
    assert_eq!(found(1, 1).await, [2]);
    assert_eq!(found(0, 1).await, [2, 1]);
    assert_eq!(found(0, 2).await, [3, 2, 1]);
    assert_eq!(found(3, 9).await, Vec::<u128>::new());
    let open = TimeRange::new(UnixNanos(0), UnixNanos(start));
    assert_eq!(bench.find_in(Filter::All, open).await, [1]);
}

pub async fn an_empty_range_finds_nothing(bench: &Bench) {
    let start = noon();
    bench.write(&[span(1, 1, start)]).await;
    let range = TimeRange::new(UnixNanos(start + 1), UnixNanos(start));
    assert_eq!(bench.find_in(Filter::All, range).await, Vec::<u128>::new());
    assert_eq!(bench.find(Filter::None).await, Vec::<u128>::new());
    assert_eq!(bench.find(Filter::Or(Vec::new())).await, Vec::<u128>::new());
    assert_eq!(bench.find(Filter::And(Vec::new())).await, [1]);
}

pub async fn a_bad_pattern_is_the_callers_fault(bench: &Bench) {
    bench.write(&[span(1, 1, noon())]).await;
    let bad = Filter::Test(Column::span("a"), Predicate::Text(TextMatch::Regex("(".into())));
    let plan = Plan {
        tenant: TENANT,
        range: TimeRange::ALL,
        filter: bad,
        shape: Shape::Search {
            limit: 1,
            order: Order::Newest,
        },
    };
    let error = bench.try_ask(plan, QueryContext::unlimited()).await.unwrap_err();
    assert!(matches!(error, QueryError::Invalid(_)), "{error}");
}
