//! What the receivers count, as Prometheus would read it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panic"
)]

mod support;

use metrics_exporter_prometheus::PrometheusBuilder;
use prost::Message;
use support::client::{JSON, PROTOBUF, post};
use support::{Node, body, request, span};

#[test]
fn requests_rows_bytes_and_drops_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // On one thread, so that the recorder of this thread is the node's.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let size = metrics::with_local_recorder(&recorder, || runtime.block_on(send_requests()));
    let text = handle.render();
    for line in [
        r#"vt_rows_ingested_total{type="opentelemetry_traces_otlphttp_protobuf"} 4"#.to_owned(),
        format!(r#"vt_bytes_ingested_total{{type="opentelemetry_traces_otlphttp_protobuf"}} {size}"#),
        r#"vt_rows_ingested_total{type="opentelemetry_traces_otlphttp_json"} 0"#.to_owned(),
        r#"vt_bytes_ingested_total{type="opentelemetry_traces_otlphttp_json"} 2"#.to_owned(),
        r#"vt_rows_dropped_total{reason="too_small_timestamp"} 1"#.to_owned(),
        r#"vt_rows_dropped_total{reason="invalid_trace_id"} 0"#.to_owned(),
        r#"vt_http_requests_total{path="/v1/traces",format="protobuf"} 3"#.to_owned(),
        r#"vt_http_requests_total{path="/v1/traces",format="json"} 1"#.to_owned(),
        r#"vt_http_errors_total{path="/v1/traces"} 1"#.to_owned(),
        r#"vt_http_request_duration_seconds_count{path="/v1/traces"} 4"#.to_owned(),
        "vt_concurrent_insert_capacity 64".to_owned(),
        "vt_concurrent_insert_current 0".to_owned(),
        "vt_insert_bytes_in_flight 0".to_owned(),
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

/// Returns the bytes of the accepted protobuf requests.
async fn send_requests() -> usize {
    let node = Node::start().await;
    let good = body(3);
    let mut old = span(4);
    old.start_time_unix_nano = 0;
    let partial = request(vec![old, span(5)]).encode_to_vec();
    assert_eq!(post(node.http, &[PROTOBUF], &good).await.status, 200);
    assert_eq!(post(node.http, &[PROTOBUF], &partial).await.status, 200);
    assert_eq!(post(node.http, &[PROTOBUF], b"no").await.status, 400);
    assert_eq!(post(node.http, &[JSON], b"{}").await.status, 200);
    good.len() + partial.len()
}
