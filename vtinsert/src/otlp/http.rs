//! OTLP/HTTP (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP"): requests into deliveries, outcomes into responses.

use super::response;
use super::validate::Rejections;
use crate::body;
use crate::decompress::{ACCEPTED, Encoding};
use crate::error::InsertError;
use crate::metrics::{PathMetrics, ProtocolMetrics};
use crate::receiver::{Delivery, Format, Receiver};
use crate::rpc_status::RpcStatus;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderMap, HeaderValue, RETRY_AFTER,
};
use axum::http::{Response, StatusCode};
use axum::routing::{any, post};
use common::tenancy::tenant_of;
use prost::Message;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

/// Where spans are taken: VictoriaTraces' path and the one that OTLP exporters add to a base URL.
const PATHS: [&str; 2] = ["/insert/opentelemetry/v1/traces", "/v1/traces"];

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// What those who ask whether spans are taken are told, as by VictoriaTraces.
const READY: &str = "{\"status\":\"ok\"}";

/// One path with what is counted about it.
struct Endpoint {
    receiver: Arc<Receiver>,
    path: &'static str,
    metrics: PathMetrics,
    protobuf: ProtocolMetrics,
    json: ProtocolMetrics,
}

pub(crate) fn router(receiver: Arc<Receiver>) -> Router {
    let ready = any(([(CONTENT_TYPE, JSON)], READY));
    PATHS
        .into_iter()
        .fold(Router::new().route("/insert/ready", ready), |router, path| {
            let endpoint = Arc::new(Endpoint {
                receiver: receiver.clone(),
                path,
                metrics: PathMetrics::new(path),
                protobuf: ProtocolMetrics::new(path, "opentelemetry_traces_otlphttp_protobuf", "protobuf"),
                json: ProtocolMetrics::new(path, "opentelemetry_traces_otlphttp_json", "json"),
            });
            router.route(path, post(export).with_state(endpoint))
        })
}

async fn export(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response<Body> {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let mut body = pin!(body);
    let format = format(&head.headers);
    let outcome = match &format {
        Ok(format) => endpoint.take(*format, &head.headers, body.as_mut()).await,
        Err(error) => Err(error.clone()),
    };
    // A client that waits for leave to send sends nothing, and a slow one has had its time.
    let is_needless = head.headers.contains_key(EXPECT) || matches!(outcome, Err(InsertError::Slow(_)));
    if outcome.is_err() && !is_needless {
        body::discard(body).await;
    }
    endpoint.metrics.answered(started.elapsed(), outcome.is_err());
    match outcome {
        Ok(rejections) => success(format.unwrap_or(Format::Json), &rejections),
        Err(error) => {
            log(endpoint.path, &error);
            // A client that sends an unknown type reads JSON sooner than protobuf.
            failure(format.unwrap_or(Format::Json), &error)
        }
    }
}

impl Endpoint {
    async fn take(&self, format: Format, headers: &HeaderMap, body: Pin<&mut Body>) -> Result<Rejections, InsertError> {
        let counts = match format {
            Format::Protobuf => &self.protobuf,
            Format::Json => &self.json,
        };
        counts.request();
        let tenant = tenant_of(headers)?;
        let encoding = Encoding::from_header(headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes))?;
        let mut memory = self.receiver.reservation();
        let body = body::read(body, self.receiver.body_limits(), &mut memory).await?;
        self.receiver
            .deliver(
                Delivery {
                    tenant,
                    format,
                    encoding,
                    body,
                    memory,
                },
                counts,
            )
            .await
    }
}

/// The format that `Content-Type` names; its parameters do not matter.
fn format(headers: &HeaderMap) -> Result<Format, InsertError> {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = value
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
        .to_ascii_lowercase();
    match essence.as_slice() {
        b"application/x-protobuf" | b"application/protobuf" => Ok(Format::Protobuf),
        b"application/json" => Ok(Format::Json),
        other => Err(InsertError::Unsupported(format!(
            "unsupported content type {:?}: expected {PROTOBUF} or {JSON}",
            String::from_utf8_lossy(other.get(..80).unwrap_or(other))
        ))),
    }
}

fn success(format: Format, rejections: &Rejections) -> Response<Body> {
    match format {
        Format::Protobuf => answer(StatusCode::OK, PROTOBUF, response::protobuf(rejections).into()),
        Format::Json => answer(StatusCode::OK, JSON, response::json(rejections).into()),
    }
}

fn failure(format: Format, error: &InsertError) -> Response<Body> {
    let verdict = error.verdict();
    let mut response = match format {
        Format::Protobuf => answer(verdict.http, PROTOBUF, RpcStatus::of(error).encode_to_vec().into()),
        Format::Json => answer(verdict.http, JSON, RpcStatus::json_of(error).into()),
    };
    if let Some(delay) = verdict.retry_after {
        let seconds = delay.as_millis().div_ceil(1000).max(1);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if verdict.http == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        response
            .headers_mut()
            .insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED));
    }
    response
}

fn answer(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Errors of clients are theirs to see; those of this side are also ours.
pub(super) fn log(path: &str, error: &InsertError) {
    if error.verdict().http.is_server_error() {
        tracing::warn!(path, %error, "request not stored");
    } else {
        tracing::debug!(path, %error, "request refused");
    }
}
