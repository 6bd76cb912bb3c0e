//! Tenants share nothing, not even trace ids.

use super::bench::Bench;
use super::spans::{attr, noon, service, span, span_id, trace_id};
use common::ids::TenantId;
use common::query::{Answer, CatalogueQuery, Filter, Order, Plan, Shape};
use common::span::Span;
use common::time::TimeRange;

pub async fn see_only_their_own(bench: &Bench) {
    let tenants = [
        TenantId(0),
        TenantId::new(0, 1),
        TenantId::new(1, 0),
        TenantId(u64::MAX),
    ];
    let start = noon();
    for (n, tenant) in tenants.iter().enumerate() {
        let own = format!("service-{n}");
        let spans = [
            Span {
                resource: service(&own),
                name: own.as_str().into(),
                ..span(1, 1, start)
            },
            Span {
                resource: service(&format!("{own}-b")),
                attributes: vec![attr(&own, 1i64)],
                parent_span_id: Some(span_id(1)),
                ..span(1, 2, start)
            },
            span(10 + n as u128, 3, start),
        ];
        bench.write_as(*tenant, &spans).await;
    }
    for (n, tenant) in tenants.iter().enumerate() {
        let own = format!("service-{n}");
        let plan = |shape| Plan {
            tenant: *tenant,
            range: TimeRange::ALL,
            filter: Filter::All,
            shape,
        };
        let shared = bench.traces(plan(Shape::TracesById(vec![trace_id(1)]))).await;
        assert_eq!(shared[0].spans.len(), 2);
        assert_eq!(shared[0].spans[0].service_name(), own);
        let foreign = (0..tenants.len())
            .filter(|other| *other != n)
            .map(|other| trace_id(10 + other as u128));
        assert_eq!(bench.traces(plan(Shape::TracesById(foreign.collect()))).await, []);
        assert_eq!(
            bench
                .traces(plan(Shape::Search {
                    limit: 10,
                    order: Order::Newest
                }))
                .await
                .len(),
            2
        );

        let Answer::Services(services) = bench.ask(Plan::catalogue(*tenant, CatalogueQuery::Services)).await else {
            panic!("services were asked for");
        };
        assert_eq!(
            services,
            [own.as_str().into(), format!("{own}-b").into(), "shop".into()].into()
        );
        let Answer::Calls { edges, .. } = bench.ask(plan(Shape::Calls)).await else {
            panic!("calls were asked for")
        };
        let edges: Vec<_> = edges
            .iter()
            .map(|(edge, calls)| (&*edge.parent, &*edge.child, *calls))
            .collect();
        assert_eq!(edges, [(own.as_str(), format!("{own}-b").as_str(), 1)]);
    }
    let nobody = Plan::traces_by_id(TenantId(5), vec![trace_id(1)]);
    assert_eq!(bench.traces(nobody).await, []);
}
