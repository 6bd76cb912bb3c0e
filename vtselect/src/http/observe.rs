//! Counts and times requests by route: `vt_http_requests_total`, `vt_http_request_errors_total`,
//! `vt_http_request_duration_seconds`, each with label `path`.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, histogram};
use std::time::Instant;

/// A middleware around matched routes. Paths that match none count together, so that clients cannot make new labels.
pub async fn observe(request: Request, next: Next) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let started = Instant::now();
    counter!("vt_http_requests_total", "path" => path.clone()).increment(1);
    let response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        counter!("vt_http_request_errors_total", "path" => path.clone()).increment(1);
    }
    histogram!("vt_http_request_duration_seconds", "path" => path).record(started.elapsed().as_secs_f64());
    response
}
