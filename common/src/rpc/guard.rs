//! What stands in front of the services: strangers and other protocols are refused before anything of a call is read.

use super::credentials::{Credentials, PROTOCOL, PROTOCOL_KEY};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

/// The one call that nodes of any protocol may make.
const HELLO: &str = "/vt.v1.Storage/Hello";

/// Lets only calls through that have the credentials' secret, and a protocol and a cluster that fit.
pub fn guarded(routes: Router, credentials: Credentials) -> Router {
    routes.layer(from_fn_with_state(credentials, check))
}

async fn check(State(credentials): State<Credentials>, request: Request, next: Next) -> Response {
    let any_protocol = request.uri().path() == HELLO;
    let admitted = credentials.admit_connection(request.extensions());
    let mut response = match admitted.and_then(|()| credentials.admit(request.headers(), any_protocol)) {
        Ok(()) => next.run(request).await,
        Err(status) => status.into_http(),
    };
    response.headers_mut().insert(PROTOCOL_KEY, HeaderValue::from(PROTOCOL));
    response
}
