//! The query side's HTTP routes with their layers.

use crate::SelectConfig;
use crate::http::observe;
use crate::jaeger::JaegerApi;
use crate::query::QueryRunner;
use axum::Router;
use axum::middleware::from_fn;
use common::contract::SpanSource;
use std::sync::Arc;
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::cors::{Any, CorsLayer};

/// Base paths of the Jaeger API: VictoriaTraces' and a short one.
const JAEGER: [&str; 2] = ["/select/jaeger", "/jaeger"];

/// All query APIs over `source`. Answers are compressed where the client asks for it.
pub fn http_router(config: &SelectConfig, source: Arc<dyn SpanSource>) -> Router {
    let runner = Arc::new(QueryRunner::new(config, source));
    let mut router = Router::new();
    for base in JAEGER {
        router = router.nest(base, JaegerApi::new(config, runner.clone()).router());
    }
    router = router
        .layer(from_fn(observe))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest));
    if !config.http_disable_cors {
        router = router.layer(CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any));
    }
    router
}
