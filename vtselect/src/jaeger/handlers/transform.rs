//! `POST /api/transform`: OTLP/JSON in, Jaeger's form out, without storing or adjusting.

use super::super::envelope::{ApiError, Envelope, Written, close_list, json_response};
use super::super::render::TraceWriter;
use super::request::Call;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use common::ids::TraceId;
use common::otlp::decode;
use common::span::Span;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use std::collections::HashMap;

/// The largest body, as people upload files with traces in the UI.
const MAX_BODY: usize = 32 << 20;

pub(crate) async fn transform(call: Call, request: Request<Body>) -> Result<Response, ApiError> {
    let body = to_bytes(request.into_body(), MAX_BODY).await;
    let body = body.map_err(|e| ApiError::bad_request(format!("cannot read the body: {e}")))?;
    let pretty = call.pretty();
    let written = tokio::task::spawn_blocking(move || write(&body, pretty)).await;
    let written = written.map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    Ok(json_response(written?))
}

fn write(body: &[u8], pretty: bool) -> Result<Written, ApiError> {
    let unreadable = |e: &dyn std::fmt::Display| ApiError::bad_request(format!("cannot unmarshal OTLP: {e}"));
    let data: TracesData = serde_json::from_slice(body).map_err(|e| unreadable(&e))?;
    let spans = decode::spans(&data.encode_to_vec()).map_err(|e| unreadable(&e))?;
    let traces = by_trace(spans);
    let mut envelope = Envelope::with_capacity(body.len() * 2);
    let mut writer = TraceWriter::new(false, false);
    envelope.out.push(b'[');
    for (id, spans) in &traces {
        writer.write(&mut envelope.out, *id, spans);
        envelope.out.push(b',');
    }
    close_list(&mut envelope.out);
    Ok(envelope.close(0, &[], pretty))
}

/// Traces in the order in which their first spans came; repeated spans are kept.
fn by_trace(spans: Vec<Span>) -> Vec<(TraceId, Vec<Span>)> {
    let mut traces: Vec<(TraceId, Vec<Span>)> = Vec::new();
    let mut places = HashMap::new();
    for span in spans {
        let place = *places.entry(span.trace_id).or_insert(traces.len());
        match traces.get_mut(place) {
            Some((_, spans)) => spans.push(span),
            None => traces.push((span.trace_id, vec![span])),
        }
    }
    traces
}
