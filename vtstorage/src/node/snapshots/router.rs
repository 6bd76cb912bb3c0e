//! `POST /internal/snapshot/create`, `list` and `delete`: a node's snapshots over HTTP, in JSON.

use super::{SnapshotError, SnapshotName, Snapshots};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use common::http::count_requests;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: Option<String>,
}

/// `create?name=N` answers what the snapshot says of itself, `list` that of all, `delete?name=N` the name. Status 400 for
/// what is no name, 404 and 409 for one that is not there or is there already, 503 where another attempt helps.
pub fn snapshot_router(snapshots: Arc<Snapshots>) -> Router {
    Router::new()
        .route("/internal/snapshot/create", post(create))
        .route("/internal/snapshot/list", post(list))
        .route("/internal/snapshot/delete", post(delete))
        .layer(from_fn(count_requests))
        .with_state(snapshots)
}

async fn create(State(snapshots): State<Arc<Snapshots>>, Query(named): Query<Named>) -> Response {
    let name = named.name.map(|name| name.parse::<SnapshotName>()).transpose();
    let made = match name {
        Ok(name) => snapshots.create(name).await,
        Err(error) => Err(error.into()),
    };
    answer(made.map(|record| json!({ "snapshot": record })))
}

async fn list(State(snapshots): State<Arc<Snapshots>>) -> Response {
    let records = snapshots.list().await;
    answer(records.map(|records| json!({ "snapshots": records })))
}

async fn delete(State(snapshots): State<Arc<Snapshots>>, Query(named): Query<Named>) -> Response {
    let name = named.name.unwrap_or_default().parse::<SnapshotName>();
    let deleted = match name {
        Ok(name) => snapshots.delete(name.clone()).await.map(|()| name),
        Err(error) => Err(error.into()),
    };
    answer(deleted.map(|name| json!({ "deleted": name.as_str() })))
}

fn answer(done: Result<Value, SnapshotError>) -> Response {
    let error = match done {
        Ok(value) => return Json(value).into_response(),
        Err(error) => error,
    };
    let status = match &error {
        SnapshotError::Name(_) => StatusCode::BAD_REQUEST,
        SnapshotError::Unknown(_) => StatusCode::NOT_FOUND,
        SnapshotError::Exists(_) => StatusCode::CONFLICT,
        SnapshotError::Unsettled => StatusCode::SERVICE_UNAVAILABLE,
        SnapshotError::Storage(_) | SnapshotError::Io(_) => {
            tracing::error!(%error, "snapshots");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    (status, Json(json!({ "error": error.to_string() }))).into_response()
}
