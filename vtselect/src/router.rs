//! The query side's HTTP routes with their layers.

use crate::SelectConfig;
use crate::jaeger::JaegerApi;
use crate::logsql::api::{self as logsql, LogsqlApi};
use crate::query::QueryRunner;
use axum::Router;
use axum::middleware::from_fn;
use common::access::{Need, Right};
use common::contract::SpanSource;
use common::http::count_requests;
use common::tenancy::Quotas;
use std::sync::Arc;
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::cors::{Any, CorsLayer};

/// Base paths of the Jaeger API: VictoriaTraces' and a short one.
const JAEGER: [&str; 2] = ["/select/jaeger", "/jaeger"];

/// What the query APIs' paths need.
pub const NEEDS: &[(&str, Need)] = &[
    ("/select", Need::Right(Right::Select)),
    ("/jaeger", Need::Right(Right::Select)),
];

/// All query APIs over `source`. Answers are compressed where the client asks for it.
pub fn http_router(config: &SelectConfig, source: Arc<dyn SpanSource>) -> Router {
    router_with_quotas(config, source, None)
}

/// The same with limits of tenants, if given.
pub fn router_with_quotas(config: &SelectConfig, source: Arc<dyn SpanSource>, quotas: Option<Arc<Quotas>>) -> Router {
    let runner = Arc::new(QueryRunner::new(config, source).with_quotas(quotas));
    let mut router = Router::new();
    for base in JAEGER {
        router = router.nest(base, JaegerApi::new(config, runner.clone()).router());
    }
    router = router.nest(logsql::BASE, LogsqlApi::new(runner).router());
    router = router
        .layer(from_fn(count_requests))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest));
    if !config.http_disable_cors {
        router = router.layer(CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any));
    }
    router
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::AllowPartial;
    use async_trait::async_trait;
    use axum::body::{Body, to_bytes};
    use axum::http::{Method, Request, Response};
    use common::contract::{AnswerStream, QueryContext, QueryError};
    use common::ids::TraceId;
    use common::memory::MemoryStore;
    use common::query::Plan;
    use common::span::Span;
    use futures::StreamExt as _;
    use std::time::Duration;
    use tower::ServiceExt;

    async fn send(config: &SelectConfig, request: axum::http::request::Builder) -> Response<Body> {
        let router = http_router(config, Arc::new(MemoryStore::new()));
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn answers_are_compressed_only_where_the_client_asks() {
        let path = "/select/jaeger/api/services";
        let config = SelectConfig::default();
        let plain = send(&config, Request::get(path)).await;
        assert_eq!(
            (plain.status().as_u16(), header(&plain, "content-encoding")),
            (200, None)
        );
        let zipped = send(&config, Request::get(path).header("accept-encoding", "gzip")).await;
        assert_eq!(header(&zipped, "content-encoding"), Some("gzip"));
    }

    #[tokio::test]
    async fn pages_of_other_sites_may_ask_unless_forbidden() {
        let preflight = || {
            Request::builder()
                .method(Method::OPTIONS)
                .uri("/jaeger/api/services")
                .header("origin", "https://example.com")
                .header("access-control-request-method", "GET")
        };
        let allowed = send(&SelectConfig::default(), preflight()).await;
        assert_eq!(header(&allowed, "access-control-allow-origin"), Some("*"));
        let config = SelectConfig {
            http_disable_cors: true,
            ..SelectConfig::default()
        };
        let plain = send(
            &config,
            Request::get("/jaeger/api/services").header("origin", "https://example.com"),
        )
        .await;
        assert_eq!(
            (plain.status().as_u16(), header(&plain, "access-control-allow-origin")),
            (200, None)
        );
    }

    #[tokio::test]
    async fn a_tenant_that_is_no_number_is_refused() {
        let path = "/select/jaeger/api/services";
        let refused = send(&SelectConfig::default(), Request::get(path).header("AccountID", "shop")).await;
        assert_eq!(refused.status().as_u16(), 400);
    }

    struct Failing(QueryError);

    #[async_trait]
    impl SpanSource for Failing {
        async fn query(&self, _: Plan, _: QueryContext) -> Result<AnswerStream, QueryError> {
            Err(self.0.clone())
        }
    }

    #[tokio::test]
    async fn each_kind_of_failure_has_its_status() {
        for (error, status, retry) in [
            (QueryError::Invalid("x".into()), 400, None),
            (
                QueryError::OverBudget {
                    limit_bytes: 1,
                    what: "reading".into(),
                },
                422,
                None,
            ),
            (QueryError::Overloaded("x".into()), 429, Some("1")),
            (QueryError::Cancelled, 499, None),
            (QueryError::Storage("x".into()), 500, None),
            (QueryError::Unavailable("x".into()), 502, None),
            (QueryError::DeadlineExceeded(Duration::from_secs(1)), 503, None),
        ] {
            let message = error.to_string();
            let router = http_router(&SelectConfig::default(), Arc::new(Failing(error)));
            let request = Request::get("/select/jaeger/api/traces").body(Body::empty()).unwrap();
            let response = router.oneshot(request).await.unwrap();
            assert_eq!(
                (response.status().as_u16(), header(&response, "retry-after")),
                (status, retry)
            );
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["errors"], serde_json::json!([{"code": status, "msg": message}]));
        }
    }

    /// Answers with one trace where a partial answer is allowed.
    struct Short;

    #[async_trait]
    impl SpanSource for Short {
        async fn query(&self, plan: Plan, context: QueryContext) -> Result<AnswerStream, QueryError> {
            if !context.is_partial_allowed() {
                return Err(QueryError::Unavailable("a node is away".into()));
            }
            context.mark_partial();
            let span = Span {
                trace_id: TraceId([7; 16]),
                ..Span::default()
            };
            let answer = common::memory::answer(&plan, &[span], &context)?;
            Ok(futures::stream::iter([Ok(answer)]).boxed())
        }
    }

    async fn ask_short(flag: AllowPartial, path: &str) -> (u16, bool, String) {
        let config = SelectConfig {
            search_allow_partial_response: flag,
            ..SelectConfig::default()
        };
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = http_router(&config, Arc::new(Short)).oneshot(request).await.unwrap();
        let marked = header(&response, "x-partial-response") == Some("true");
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, marked, String::from_utf8(body.to_vec()).unwrap())
    }

    const TRACES: &str = "/select/jaeger/api/traces?service=x";
    const ROWS: &str = "/select/logsql/query?query=*";
    const STATS: &str = "/select/logsql/stats_query?query=*|stats+count()";

    #[tokio::test]
    async fn an_answer_in_part_is_given_where_the_flag_or_the_request_allows_it() {
        use AllowPartial::{All, None, Traces};
        for (flag, path, parameter, status) in [
            (Traces, TRACES, "", 200),
            (Traces, "/jaeger/api/services?x=1", "", 200),
            (Traces, "/jaeger/api/dependencies?x=1", "", 200),
            (Traces, ROWS, "", 502),
            (Traces, STATS, "", 502),
            (None, TRACES, "", 502),
            (All, ROWS, "", 200),
            (All, STATS, "", 200),
            (None, TRACES, "&allow_partial_response=1", 200),
            (None, STATS, "&allow_partial_response=1", 200),
            (
                None,
                "/select/logsql/query?query=options(allow_partial_response=true)+*",
                "",
                200,
            ),
            (All, TRACES, "&allow_partial_response=0", 502),
            (All, ROWS, "&allow_partial_response=0", 502),
            (All, TRACES, "&allow_partial_response=perhaps", 400),
            (All, ROWS, "&allow_partial_response=perhaps", 400),
        ] {
            let (got, marked, body) = ask_short(flag, &format!("{path}{parameter}")).await;
            assert_eq!(
                (got, marked),
                (status, status == 200),
                "{flag:?} {path}{parameter}: {body}"
            );
        }
    }

    #[tokio::test]
    async fn each_api_says_in_its_way_that_an_answer_is_partial() {
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let by_id = format!("/jaeger/api/traces?traceID={}", TraceId([7; 16]));
        let (_, _, body) = ask_short(AllowPartial::All, &by_id).await;
        let body = json(&body);
        assert!(
            body["errors"][0]["msg"].as_str().unwrap().contains("incomplete"),
            "{body}"
        );
        assert_eq!(body["data"][0]["warnings"].as_array().unwrap().len(), 1);
        let (_, _, body) = ask_short(AllowPartial::All, STATS).await;
        assert_eq!(json(&body)["isPartial"], true);
        let (status, _, body) = ask_short(AllowPartial::None, STATS).await;
        assert_eq!((status, &json(&body)["status"]), (502, &"error".into()));
        // Whether an unknown trace exists is not known.
        let (status, _, _) = ask_short(AllowPartial::All, "/jaeger/api/traces/9").await;
        assert_eq!(status, 502);
    }
}
