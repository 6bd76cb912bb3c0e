//! How clients are told that they may not, over HTTP and over gRPC.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse as _, Response};
use tonic::{Code, Status};

/// Why a request is not let through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// Who it is must be said first, or was said wrong
    Unauthenticated(&'static str),
    Forbidden(String),
    Invalid(String),
    /// It may come again
    Busy(&'static str),
}

/// What browsers and clients ask their user for.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"traces\", charset=\"UTF-8\"");

impl Refusal {
    /// The answer to a request with these headers.
    pub(super) fn answer(self, headers: &HeaderMap) -> Response {
        let (http, grpc, text) = match &self {
            Self::Unauthenticated(text) => (StatusCode::UNAUTHORIZED, Code::Unauthenticated, *text),
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, Code::PermissionDenied, text.as_str()),
            Self::Invalid(text) => (StatusCode::BAD_REQUEST, Code::InvalidArgument, text.as_str()),
            Self::Busy(text) => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, *text),
        };
        let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if kind.starts_with(b"application/grpc") {
            return Status::new(grpc, text).into_http();
        }
        let mut response = (http, format!("{text}\n")).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Unauthenticated(_) => drop(headers.insert(WWW_AUTHENTICATE, CHALLENGE)),
            Self::Busy(_) => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::Forbidden(_) | Self::Invalid(_) => {}
        }
        response
    }
}
