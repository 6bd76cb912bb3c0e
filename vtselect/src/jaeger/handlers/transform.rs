//! `POST /api/transform`: OTLP/JSON in, Jaeger's form out, without storing or adjusting.

use super::super::envelope::{ApiError, Envelope, Written, close_list, json_response};
use super::super::render::TraceWriter;
use super::request::Call;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use common::ids::TraceId;
use common::otlp::{decode, json};
use common::span::Span;
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
    let otlp = json::to_protobuf(body).map_err(|e| unreadable(&e))?;
    let spans = decode::spans(&otlp).map_err(|e| unreadable(&e))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_otlp_json_is_read() {
        let body = br#"{"resource_spans":[{"scopeSpans":[{"spans":[{
            "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"n",
            "kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1000000","endTimeUnixNano":3000000,
            "attributes":[{"key":"load","value":{"doubleValue":"NaN"}}],
            "status":{"code":"STATUS_CODE_ERROR"}}]}]}]}"#;
        let written = write(body, false).map_err(|_| "refused").unwrap();
        let text = String::from_utf8_lossy(&written.body).into_owned();
        for part in [
            r#""spanID":"eee19b7ec3c1b174""#,
            r#""duration":2000"#,
            r#""value":"server""#,
            "NaN",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(write(br#"{"resourceSpans":[{"scopeSpans":1}]}"#, false).is_err());
    }
}
