//! The mark of an answer that leaves something out.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

const PARTIAL: HeaderName = HeaderName::from_static("x-partial-response");

/// Says `X-Partial-Response: true` if the answer is partial, else nothing.
pub fn mark_partial(mut response: Response, partial: bool) -> Response {
    if partial {
        response.headers_mut().insert(PARTIAL, HeaderValue::from_static("true"));
    }
    response
}
