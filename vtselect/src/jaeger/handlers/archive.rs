//! `POST /api/archive/{traceID}`: there is no second store to archive to.

use super::super::envelope::ApiError;
use super::super::ids::parse_trace_id;
use axum::extract::Path;
use axum::http::StatusCode;

pub(crate) async fn archive(Path(id): Path<String>) -> ApiError {
    match parse_trace_id(&id) {
        Ok(_) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "archive storage is not configured"),
        Err(e) => ApiError::bad_request(format!("cannot parse traceID: {e}")),
    }
}
