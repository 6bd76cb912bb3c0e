//! LogsQL's HTTP API below `/select/logsql`, as VictoriaLogs and VictoriaTraces serve it: arguments in, queries to
//! [`super::run`], rows out in the shapes that vmalert, Grafana and VMUI read.
//!
//! Queries run on threads of their own, not on those of the async runtime; a client that goes away cancels its query.

mod arguments;
mod error;
mod facets;
mod handle;
mod hits;
mod multipart;
mod ndjson;
mod query;
mod stats;
mod tail;
mod time_range;
mod values;

use crate::query::QueryRunner;
use axum::Router;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use error::{ApiError, ErrorForm};
use std::sync::Arc;

/// The path that the API is below.
pub const BASE: &str = "/select/logsql";

/// What all calls share.
pub struct LogsqlApi {
    runner: Arc<QueryRunner>,
}

impl LogsqlApi {
    pub fn new(runner: Arc<QueryRunner>) -> Self {
        Self { runner }
    }

    /// The routes below a base path.
    pub fn router(self) -> Router {
        macro_rules! both {
            ($handler:path) => {{
                let route: MethodRouter<Arc<Self>> = get($handler).post($handler);
                route
            }};
        }
        Router::new()
            .route("/query", both!(query::query))
            .route("/hits", both!(hits::hits))
            .route("/facets", both!(facets::facets))
            .route("/stats_query", both!(stats::instant))
            .route("/stats_query_range", both!(stats::range))
            .route("/field_names", both!(values::field_names))
            .route("/field_values", both!(values::field_values))
            .route("/stream_field_names", both!(values::stream_field_names))
            .route("/stream_field_values", both!(values::stream_field_values))
            .route("/streams", both!(values::streams))
            .route("/stream_ids", both!(values::stream_ids))
            .route("/tail", both!(tail::tail))
            .route("/query_time_range", both!(time_range::query_time_range))
            .fallback(unknown)
            .with_state(Arc::new(self))
    }
}

async fn unknown(uri: Uri) -> Response {
    let path = format!("{BASE}{}", uri.path());
    ApiError::bad_request(format!("unsupported path requested: {path:?}")).respond(ErrorForm::Text)
}
