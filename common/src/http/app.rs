//! All routes of one server as one service.

use super::path::{PathPrefix, Routed};
use crate::access::Gate;
use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::sync::Arc;
use tower::Service;

/// A server's routes, with paths brought to their normal form before they are looked up. Cheap to clone.
#[derive(Clone)]
pub struct App {
    router: Router,
    prefix: Arc<PathPrefix>,
    gate: Option<Arc<Gate>>,
}

impl App {
    /// Serves `routes` under `prefix`, with plain-text answers for what is no route in place of their own fallbacks.
    pub fn new(routes: Router, prefix: PathPrefix) -> Self {
        let router = routes
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed);
        Self {
            router,
            prefix: Arc::new(prefix),
            gate: None,
        }
    }

    /// Serves `routes` as they are, with their own fallbacks: for protocols such as gRPC that answer errors in their
    /// own way.
    pub fn bare(routes: Router) -> Self {
        Self {
            router: routes,
            prefix: Arc::default(),
            gate: None,
        }
    }

    /// The same behind `gate`, if there is one.
    pub fn behind(self, gate: Option<Gate>) -> Self {
        Self {
            gate: gate.map(Arc::new),
            ..self
        }
    }

    /// Answers one request.
    pub async fn answer(self, mut request: Request) -> Result<Response, Infallible> {
        match self.prefix.route(request.uri()) {
            Routed::AsIs => {}
            Routed::To(uri) => *request.uri_mut() = uri,
            Routed::Outside => return Ok(not_found(request.uri().clone()).await),
        }
        if let Some(gate) = &self.gate
            && let Err(refused) = Box::pin(gate.admit(&mut request)).await
        {
            return Ok(*refused);
        }
        let mut router = self.router;
        router.call(request).await
    }
}

async fn not_found(uri: Uri) -> Response {
    metrics::counter!("vt_http_requests_total", "path" => "*").increment(1);
    metrics::counter!("vt_http_errors_total", "path" => "*").increment(1);
    (StatusCode::NOT_FOUND, format!("unsupported path: {}\n", uri.path())).into_response()
}

async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        format!("method {method} is not allowed for {}\n", uri.path()),
    )
        .into_response()
}
