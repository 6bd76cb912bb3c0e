//! The paths by which a process is operated: health, metrics, flags.

use super::{Lifecycle, Phase};
use crate::access::{Need, Right};
use crate::config::EffectiveFlags;
use crate::telemetry::Metrics;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// What the operational paths show.
#[derive(Clone)]
pub struct Operational {
    pub lifecycle: Lifecycle,
    pub metrics: Metrics,
    pub flags: Arc<EffectiveFlags>,
}

/// What the operational paths need, and the health that gRPC has.
pub const OPERATIONAL_NEEDS: &[(&str, Need)] = &[
    ("/health", Need::Health),
    ("/-/healthy", Need::Health),
    ("/-/ready", Need::Health),
    ("/ping", Need::Health),
    ("/grpc.health.v1.Health", Need::Health),
    ("/metrics", Need::Right(Right::Metrics)),
    ("/flags", Need::Right(Right::Admin)),
    ("/robots.txt", Need::Nothing),
];

/// `/health`, `/-/healthy`, `/-/ready`, `/ping`, `/metrics`, `/flags`, `/robots.txt`.
pub fn operational_router(operational: Operational) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/-/healthy", get("OK"))
        .route("/-/ready", get(health))
        .route("/ping", get(ping).head(ping))
        .route("/metrics", get(metrics))
        .route("/flags", get(flags))
        .route("/robots.txt", get("User-agent: *\nDisallow: /\n"))
        .layer(from_fn(super::count_requests))
        .with_state(operational)
}

/// 200 while serving; 503 before that, and as soon as the end has begun, though requests are still answered.
async fn health(State(operational): State<Operational>) -> Response {
    match operational.lifecycle.phase() {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response(),
        Phase::Serving => "OK".into_response(),
        Phase::Leaving | Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response(),
    }
}

/// 204, or 200 with `?verbose=true`, as clients of InfluxDB's `/ping` expect.
async fn ping(RawQuery(query): RawQuery) -> StatusCode {
    match query.as_deref() {
        Some(query) if query.split('&').any(|pair| pair == "verbose=true") => StatusCode::OK,
        _ => StatusCode::NO_CONTENT,
    }
}

async fn metrics(State(operational): State<Operational>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        operational.metrics.render(),
    )
}

async fn flags(State(operational): State<Operational>) -> String {
    operational.flags.render()
}
