//! All routes of one server as one service.

use super::path::{PathPrefix, Routed};
use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;
use tower::Service;

/// A server's routes, with plain-text answers for what is no route, metrics per route, and paths brought to their
/// normal form before they are looked up. Cheap to clone.
#[derive(Clone)]
pub struct App {
    router: Router,
    prefix: Arc<PathPrefix>,
}

impl App {
    /// Serves `routes` under `prefix`. Fallbacks that `routes` has are replaced.
    pub fn new(routes: Router, prefix: PathPrefix) -> Self {
        let router = routes
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(middleware::from_fn(count));
        Self {
            router,
            prefix: Arc::new(prefix),
        }
    }

    /// Answers one request.
    pub async fn answer(self, mut request: Request) -> Result<Response, Infallible> {
        match self.prefix.route(request.uri()) {
            Routed::AsIs => {}
            Routed::To(uri) => *request.uri_mut() = uri,
            Routed::Outside => return Ok(not_found(request.uri().clone()).await),
        }
        let mut router = self.router;
        router.call(request).await
    }
}

async fn not_found(uri: Uri) -> Response {
    (StatusCode::NOT_FOUND, format!("unsupported path: {}\n", uri.path())).into_response()
}

async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        format!("method {method} is not allowed for {}\n", uri.path()),
    )
        .into_response()
}

/// Counts and times requests by route. What is no route counts as `*`: paths of strangers must not become labels.
async fn count(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "*".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    metrics::counter!("vt_http_requests_total", "path" => path.clone()).increment(1);
    if response.status().is_client_error() || response.status().is_server_error() {
        metrics::counter!("vt_http_request_errors_total", "path" => path.clone()).increment(1);
    }
    metrics::histogram!("vt_http_request_duration_seconds", "path" => path).record(started.elapsed().as_secs_f64());
    response
}
