//! Paths for operators, tests and benchmarks that act on the engine.

use crate::engine::store::Engine;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use common::http::count_requests;
use std::fmt::Display;
use std::sync::Arc;

/// `POST /internal/force_flush` and `POST /internal/force_merge`: 200 once the work is done. `GET /internal/damage`: what
/// cannot be read and is not served. `POST /internal/damage/accept`: it is given up, and missed no longer.
pub fn internal_router(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/internal/force_flush", post(force_flush))
        .route("/internal/force_merge", post(force_merge))
        .route("/internal/damage", get(damage))
        .route("/internal/damage/accept", post(accept_damage))
        .layer(from_fn(count_requests))
        .with_state(engine)
}

async fn damage(State(engine): State<Arc<Engine>>) -> Response {
    Json(engine.damaged()).into_response()
}

/// Returns when what is damaged is deleted.
async fn accept_damage(State(engine): State<Arc<Engine>>) -> Response {
    let damaged = engine.damaged();
    tracing::warn!(parts = damaged.len(), "damage is accepted: what it held is given up");
    answer("accept_damage", engine.repaired(damaged).await)
}

/// Returns when everything acknowledged is in blocks and nothing of it only in the storage engine's memory.
async fn force_flush(State(engine): State<Arc<Engine>>) -> Response {
    answer("force_flush", engine.force_flush().await)
}

/// Returns when no two blocks that belong together are left unmerged.
async fn force_merge(State(engine): State<Arc<Engine>>) -> Response {
    answer("force_merge", engine.force_merge().await)
}

fn answer(what: &'static str, done: Result<(), impl Display>) -> Response {
    match done {
        Ok(()) => "OK\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "{what} failed");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{what} failed: {error}\n")).into_response()
        }
    }
}
