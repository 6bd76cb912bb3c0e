//! Names of services, operations and attributes.

use super::bench::Bench;
use super::spans::{attr, noon, resource, service, span};
use common::query::{Answer, AttrLevel, CatalogueQuery};
use common::span::{Event, Link, Scope, Span, SpanKind};

async fn operations(bench: &Bench, service: &str, kind: Option<SpanKind>) -> Vec<(String, i32)> {
    match bench
        .catalogue(CatalogueQuery::Operations {
            service: service.into(),
            kind,
        })
        .await
    {
        Answer::Operations(found) => found.into_iter().map(|o| (o.name.to_string(), o.kind.0)).collect(),
        other => panic!("operations were asked for, got {other:?}"),
    }
}

async fn services(bench: &Bench) -> Vec<String> {
    match bench.catalogue(CatalogueQuery::Services).await {
        Answer::Services(found) => found.into_iter().map(|name| name.to_string()).collect(),
        other => panic!("services were asked for, got {other:?}"),
    }
}

/// Spans whose resource names no service (or not by a text) are in no service's list.
pub async fn services_and_operations(bench: &Bench) {
    assert_eq!(services(bench).await, Vec::<String>::new());
    let start = noon();
    let named = |number, service_name: &str, name: &str, kind| Span {
        resource: service(service_name),
        name: name.into(),
        kind,
        ..span(1, number, start)
    };
    bench
        .write(&[
            named(1, "shop", "GET /", SpanKind::SERVER),
            named(2, "shop", "GET /", SpanKind::SERVER),
            named(3, "shop", "GET /", SpanKind::CLIENT),
        ])
        .await;
    bench
        .write(&[
            named(4, "shop", "add", SpanKind::UNSPECIFIED),
            named(5, "db/ü", "SELECT", SpanKind(9)),
            Span {
                resource: resource(vec![]),
                name: "nobody's".into(),
                ..span(1, 6, start)
            },
            Span {
                resource: resource(vec![attr("service.name", 5i64)]),
                ..span(1, 7, start)
            },
            named(8, "", "unnamed", SpanKind::SERVER),
        ])
        .await;
    assert_eq!(services(bench).await, ["db/ü", "shop"]);
    let op = |name: &str, kind: SpanKind| (name.to_owned(), kind.0);
    let all = [
        op("GET /", SpanKind::SERVER),
        op("GET /", SpanKind::CLIENT),
        op("add", SpanKind::UNSPECIFIED),
    ];
    assert_eq!(operations(bench, "shop", None).await, all);
    assert_eq!(
        operations(bench, "shop", Some(SpanKind::CLIENT)).await,
        [op("GET /", SpanKind::CLIENT)]
    );
    assert_eq!(
        operations(bench, "shop", Some(SpanKind::UNSPECIFIED)).await,
        [op("add", SpanKind::UNSPECIFIED)]
    );
    assert_eq!(operations(bench, "db/ü", None).await, [op("SELECT", SpanKind(9))]);
    assert_eq!(operations(bench, "sho", None).await, []);
    assert_eq!(operations(bench, "", None).await, []);
    bench.write(&[named(9, "shop", "new", SpanKind::INTERNAL)]).await;
    assert!(
        operations(bench, "shop", None)
            .await
            .contains(&op("new", SpanKind::INTERNAL))
    );
}

pub async fn attribute_names_by_level(bench: &Bench) {
    let start = noon();
    let one = Span {
        attributes: vec![attr("a", 1i64), attr("both", "x")],
        events: vec![Event {
            attributes: vec![attr("event.key", 1i64)],
            ..Event::default()
        }],
        links: vec![Link {
            attributes: vec![attr("link.key", 1i64)],
            ..Link::default()
        }],
        scope: Scope {
            attributes: vec![attr("s", 1i64)],
            ..Scope::default()
        }
        .into(),
        ..span(1, 1, start)
    };
    let two = Span {
        resource: resource(vec![attr("both", 2.0)]),
        attributes: vec![attr("a", "text")],
        ..span(2, 1, start)
    };
    bench.write(&[one]).await;
    bench.write(&[two]).await;
    let Answer::AttributeNames(names) = bench.catalogue(CatalogueQuery::AttributeNames).await else {
        panic!("attribute names were asked for");
    };
    let expected = [
        (AttrLevel::Resource, "service.name"),
        (AttrLevel::Resource, "both"),
        (AttrLevel::Scope, "s"),
        (AttrLevel::Span, "a"),
        (AttrLevel::Span, "both"),
    ];
    assert_eq!(
        names,
        expected.into_iter().map(|(level, key)| (level, key.into())).collect()
    );
}
