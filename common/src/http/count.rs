//! Metrics of requests by route.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;

/// A middleware that counts and times requests by route: `vt_http_requests_total`, `vt_http_errors_total`,
/// `vt_http_request_duration_seconds`, each with label `path`. Paths that are no route count as `*`, so that strangers
/// cannot make labels. For routes that do not count by themselves.
pub async fn count_requests(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("*", MatchedPath::as_str)
        .to_owned();
    let response = next.run(request).await;
    metrics::counter!("vt_http_requests_total", "path" => path.clone()).increment(1);
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    metrics::counter!("vt_http_errors_total", "path" => path.clone()).increment(u64::from(is_error));
    metrics::histogram!("vt_http_request_duration_seconds", "path" => path).record(started.elapsed().as_secs_f64());
    response
}
