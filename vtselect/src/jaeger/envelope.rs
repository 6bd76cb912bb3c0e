//! The answers' envelope: `{"data":…,"total":…,"limit":0,"offset":0,"errors":null|[…]}`.

use super::ids;
use crate::http::{json, mark_partial};
use crate::query::{http_status, retry_after};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use common::contract::QueryError;
use common::ids::TraceId;

/// Spaces per level where `prettyPrint` asks for them.
const INDENT: usize = 4;

/// A successful answer under construction: the caller appends `data` to [`Envelope::out`].
#[derive(Debug)]
pub(crate) struct Envelope {
    pub out: Vec<u8>,
    /// Something could not be reached and is left out
    pub partial: bool,
}

/// The body of a successful answer.
#[derive(Debug)]
pub(crate) struct Written {
    pub body: Vec<u8>,
    partial: bool,
}

/// What is said to whoever looks at an answer without all traces or spans.
pub(crate) const PARTIAL: &str = "some storage nodes cannot be reached: the answer may be incomplete";

/// A trace that was asked for and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MissingTrace(pub TraceId);

impl Envelope {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(b"{\"data\":");
        Self { out, partial: false }
    }

    /// The whole body. `total` counts services and operations and is 0 for everything else.
    pub(crate) fn close(mut self, total: usize, missing: &[MissingTrace], pretty: bool) -> Written {
        let out = &mut self.out;
        out.extend_from_slice(b",\"total\":");
        json::unsigned(out, total as u64);
        out.extend_from_slice(b",\"limit\":0,\"offset\":0,\"errors\":");
        if missing.is_empty() && !self.partial {
            out.extend_from_slice(b"null}");
        } else {
            out.push(b'[');
            if self.partial {
                out.extend_from_slice(b"{\"msg\":");
                json::string(out, PARTIAL);
                out.extend_from_slice(b"},");
            }
            for MissingTrace(id) in missing {
                out.extend_from_slice(b"{\"msg\":\"trace not found\",\"traceID\":\"");
                ids::write_trace_id(out, *id);
                out.extend_from_slice(b"\"},");
            }
            close_list(out);
            out.push(b'}');
        }
        let body = if pretty { json::pretty(out, INDENT) } else { self.out };
        Written {
            body,
            partial: self.partial,
        }
    }
}

/// Ends a JSON list whose items each end in a comma.
pub(crate) fn close_list(out: &mut Vec<u8>) {
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b']');
}

/// An answer of status 200.
pub(crate) fn json_response(written: Written) -> Response {
    let content_type = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    mark_partial(([content_type], written.body).into_response(), written.partial)
}

/// A failed call: its status is also the code in the envelope, which is sent as plain text as Jaeger does.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub status: StatusCode,
    pub message: String,
    retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Whether a trace exists is not known while something cannot be reached.
    pub(crate) fn trace_not_reached() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, format!("trace not found: {PARTIAL}"))
    }

    pub(crate) fn trace_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "trace not found")
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        if matches!(error, QueryError::Storage(_) | QueryError::Unavailable(_)) {
            tracing::error!(%error, "query failed");
        }
        Self {
            status: http_status(&error),
            message: error.to_string(),
            retry_after: retry_after(&error).map(|delay| delay.as_secs()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut out = b"{\"data\":null,\"total\":0,\"limit\":0,\"offset\":0,\"errors\":[{\"code\":".to_vec();
        json::unsigned(&mut out, u64::from(self.status.as_u16()));
        out.extend_from_slice(b",\"msg\":");
        json::string(&mut out, &self.message);
        out.extend_from_slice(b"}]}\n");
        let content_type = (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let mut response = (self.status, [content_type], out).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
