//! Failed calls, in the two forms that clients read.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use common::contract::QueryError;

use super::super::exec::{ExecError, json};
use crate::query::{http_status, retry_after};

/// How an endpoint tells of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorForm {
    /// The message and a line feed.
    Text,
    /// Prometheus' JSON; what is the client's fault has status 422.
    Prometheus,
}

/// Why a call failed.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
    retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
            retry_after: None,
        }
    }

    /// A thread that ended without an answer.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            ..Self::bad_request(message)
        }
    }

    /// A query that could be read and not executed.
    pub(super) fn execution(query: &str, error: &ExecError) -> Self {
        let error_of_source = match error {
            ExecError::Source(error) => Self::from(error.clone()),
            ExecError::Unsupported(_) | ExecError::Invalid(_) => Self::bad_request(""),
            ExecError::OverBudget { .. } => Self {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                ..Self::bad_request("")
            },
            ExecError::Cancelled => Self::from(QueryError::Cancelled),
        };
        Self {
            message: format!("cannot execute query [{query}]: {error}"),
            ..error_of_source
        }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn respond(self, form: ErrorForm) -> Response {
        let (status, content_type, body) = match form {
            ErrorForm::Text => (self.status, "text/plain; charset=utf-8", self.message + "\n"),
            ErrorForm::Prometheus => {
                let status = match self.status {
                    StatusCode::BAD_REQUEST => StatusCode::UNPROCESSABLE_ENTITY,
                    status => status,
                };
                (status, "application/json", prometheus(status, &self.message))
            }
        };
        let content_type = (CONTENT_TYPE, HeaderValue::from_static(content_type));
        let mut response = (status, [content_type], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn prometheus(status: StatusCode, message: &str) -> String {
    let mut body = format!(
        "{{\"status\":\"error\",\"errorType\":\"{}\",\"error\":",
        status.as_u16()
    );
    json::write_string(&mut body, message);
    body.push('}');
    body
}

impl From<QueryError> for ApiError {
    /// Too many queries at once are 503 here, as clients of this API expect.
    fn from(error: QueryError) -> Self {
        if matches!(error, QueryError::Storage(_) | QueryError::Unavailable(_)) {
            tracing::error!(%error, "query failed");
        }
        let status = match error {
            QueryError::Overloaded(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => http_status(&error),
        };
        Self {
            status,
            message: error.to_string(),
            retry_after: retry_after(&error).map(|delay| delay.as_secs()),
        }
    }
}
