//! What can go wrong with a query, as HTTP has it.

use axum::http::StatusCode;
use common::contract::QueryError;
use std::time::Duration;

/// The client closed the connection (nginx's number; nobody is left to read it).
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The status that every front API answers a failed query with.
pub fn http_status(error: &QueryError) -> StatusCode {
    match error {
        QueryError::Invalid(_) => StatusCode::BAD_REQUEST,
        QueryError::DeadlineExceeded(_) => StatusCode::SERVICE_UNAVAILABLE,
        QueryError::Cancelled => StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
        QueryError::OverBudget { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        QueryError::Overloaded(_) => StatusCode::TOO_MANY_REQUESTS,
        QueryError::Unavailable(_) => StatusCode::BAD_GATEWAY,
        QueryError::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// When to try again, for errors that pass by themselves.
pub fn retry_after(error: &QueryError) -> Option<Duration> {
    matches!(error, QueryError::Overloaded(_)).then_some(Duration::from_secs(1))
}
