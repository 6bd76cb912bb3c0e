//! Jaeger's HTTP JSON API, version 1 (`/api/*`), as Grafana's data source and older Jaeger UIs call it. This folder
//! translates: parameters to query plans, spans to Jaeger's form. Searches run through [`crate::query`].
//!
//! Beyond Jaeger: a search needs no service, tags are found at every level of a span, unknown trace ids are 404.

mod adjust;
mod duration;
mod envelope;
mod handlers;
mod ids;
mod params;
mod render;
mod search;
mod tags;

use crate::SelectConfig;
use crate::query::QueryRunner;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use std::sync::Arc;
use std::time::Duration;

/// What all calls share.
pub struct JaegerApi {
    runner: Arc<QueryRunner>,
    max_traces: usize,
    max_clock_skew: Duration,
}

impl JaegerApi {
    pub fn new(config: &SelectConfig, runner: Arc<QueryRunner>) -> Self {
        Self {
            runner,
            max_traces: config.search_max_traces,
            max_clock_skew: config.jaeger_max_clock_skew_adjust.into(),
        }
    }

    /// The routes below a base path.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/services", get(handlers::services))
            .route("/api/services/{service}/operations", get(handlers::operation_names))
            .route("/api/operations", get(handlers::operations))
            .route("/api/traces", get(handlers::search))
            .route("/api/traces/{trace_id}", get(handlers::trace))
            .route("/api/dependencies", get(handlers::dependencies))
            .route("/api/archive/{trace_id}", post(handlers::archive))
            .route("/api/transform", post(handlers::transform))
            .route("/api/metrics/latencies", get(handlers::latencies))
            .route("/api/metrics/calls", get(handlers::rates))
            .route("/api/metrics/errors", get(handlers::rates))
            .route("/api/metrics/minstep", get(handlers::min_step))
            .fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found\n") })
            .with_state(Arc::new(self))
    }
}
