//! OTLP/HTTP over real sockets: what is taken, and what clients are told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panic"
)]

mod support;

use common::config::{ByteSize, Period};
use common::contract::WriteError;
use common::ids::{RequestId, TenantId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::json;
use std::io::Write;
use std::time::Duration;
use support::client::{self, JSON, PATH, PROTOBUF, post, send};
use support::{Node, body, request, span};
use vtinsert::{InsertConfig, RetryDelay, RetryInfo, RpcStatus};

fn response(reply: &client::Reply) -> ExportTraceServiceResponse {
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some(PROTOBUF.1)),
        "{}",
        reply.text()
    );
    ExportTraceServiceResponse::decode(&reply.body[..]).unwrap()
}

#[tokio::test]
async fn protobuf_is_handed_on_byte_by_byte() {
    let node = Node::start().await;
    let body = body(3);
    for path in [PATH, "/insert/opentelemetry/v1/traces"] {
        let reply = send(node.http, "POST", path, &[PROTOBUF], &body).await;
        assert_eq!(response(&reply).partial_success, None);
        assert!(reply.body.is_empty());
    }
    let batches = node.sink.batches();
    assert_eq!(batches.len(), 2);
    assert_eq!(batches[0].otlp, body);
    assert_eq!(batches[0].tenant, TenantId::default());
    assert_eq!(batches[0].request_id, RequestId::of(TenantId::default(), &body));
}

#[tokio::test]
async fn a_body_in_many_chunks_is_put_together() {
    let node = Node::start().await;
    let body = body(5000);
    let mut chunked = Vec::new();
    for chunk in body.chunks(7001) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let mut stream = client::open(node.http, "POST", PATH, &[PROTOBUF, ("Transfer-Encoding", "chunked")]).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, &chunked)
        .await
        .unwrap();
    assert_eq!(client::reply(stream).await.status, 200);
    assert!(node.sink.batches()[0].otlp == body);
}

#[tokio::test]
async fn json_with_texts_and_numbers_is_stored_as_protobuf() {
    let node = Node::start().await;
    let json = |start: String| {
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"5b8efff798038103d269b633813fc60c",
            "spanId":"eee19b7ec3c1b174","name":"n","kind":2,"startTimeUnixNano":{start}}}]}}]}}]}}"#
        )
    };
    let now = support::now();
    for start in [now.to_string(), format!("\"{now}\"")] {
        let reply = post(node.http, &[JSON], json(start).as_bytes()).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some(JSON.1)),
            "{}",
            reply.text()
        );
        assert_eq!(reply.json(), json!({}));
    }
    let spans = node.sink.spans();
    assert_eq!(
        (spans.len(), spans[1].start_time_unix_nano, &spans[0]),
        (2, now, &spans[1])
    );
}

#[tokio::test]
async fn large_json_is_stored_too() {
    let node = Node::start().await;
    let request = request((1..2000).map(span).collect());
    let reply = post(node.http, &[JSON], &serde_json::to_vec(&request).unwrap()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        support::spans_of(&node.sink.batches()[0].otlp),
        support::spans_of(&request.encode_to_vec())
    );
}

#[tokio::test]
async fn every_content_encoding_is_taken() {
    let node = Node::start().await;
    let body = body(100);
    let fast = flate2::Compression::fast();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), fast);
    gzip.write_all(&body).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), fast);
    zlib.write_all(&body).unwrap();
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), fast);
    deflate.write_all(&body).unwrap();
    let mut framed = snap::write::FrameEncoder::new(Vec::new());
    framed.write_all(&body).unwrap();
    let bodies = [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", deflate.finish().unwrap()),
        ("snappy", framed.into_inner().unwrap()),
        ("snappy", snap::raw::Encoder::new().compress_vec(&body).unwrap()),
        ("zstd", zstd::bulk::compress(&body, 3).unwrap()),
        ("identity", body.clone()),
        ("", body.clone()),
    ];
    let count = bodies.len();
    for (encoding, compressed) in bodies {
        let reply = post(node.http, &[PROTOBUF, ("Content-Encoding", encoding)], &compressed).await;
        assert_eq!(reply.status, 200, "{encoding}: {}", reply.text());
    }
    let batches = node.sink.batches();
    assert_eq!(batches.len(), count);
    assert!(batches.iter().all(|batch| batch.otlp == body));
}

#[tokio::test]
async fn parameters_of_the_content_type_do_not_matter() {
    let node = Node::start().await;
    for content_type in [
        "application/x-protobuf; charset=utf-8",
        "Application/X-Protobuf;a=b",
        "application/protobuf",
    ] {
        let reply = post(node.http, &[("Content-Type", content_type)], &body(1)).await;
        assert_eq!(reply.status, 200, "{content_type}: {}", reply.text());
    }
    let reply = post(node.http, &[("Content-Type", "application/json;charset=UTF-8")], b"{}").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"));
}

#[tokio::test]
async fn unknown_types_encodings_and_methods_are_refused() {
    let node = Node::start().await;
    for content_type in ["text/plain", "application/x-protobuf2", ""] {
        let reply = post(node.http, &[("Content-Type", content_type)], &body(1)).await;
        assert_eq!(reply.status, 415, "{content_type}");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(
            message.contains("expected application/x-protobuf or application/json"),
            "{message}"
        );
    }
    let reply = post(node.http, &[PROTOBUF, ("Content-Encoding", "br")], &body(1)).await;
    let status = RpcStatus::decode(&reply.body[..]).unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (415, Some(PROTOBUF.1)));
    assert!(
        status.message.contains("unsupported content encoding \"br\""),
        "{status:?}"
    );
    for method in ["GET", "PUT", "DELETE"] {
        let reply = send(node.http, method, PATH, &[PROTOBUF], &[]).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{method}");
    }
    assert!(node.sink.batches().is_empty());
}

#[tokio::test]
async fn tenants_come_from_headers() {
    let node = Node::start().await;
    let body = body(1);
    assert_eq!(
        post(node.http, &[PROTOBUF, ("AccountID", "7"), ("ProjectID", "9")], &body)
            .await
            .status,
        200
    );
    assert_eq!(
        post(node.http, &[PROTOBUF, ("accountid", "4294967295")], &body)
            .await
            .status,
        200
    );
    let refused = post(node.http, &[JSON, ("ProjectID", "x")], b"{}").await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!(3)));
    let batches = node.sink.batches();
    let tenants: Vec<_> = batches.iter().map(|batch| batch.tenant).collect();
    assert_eq!(tenants, [TenantId::new(7, 9), TenantId::new(u32::MAX, 0)]);
    assert_eq!(batches[0].request_id, RequestId::of(TenantId::new(7, 9), &body));
}

#[tokio::test]
async fn bad_spans_are_counted_and_the_others_stored() {
    let node = Node::start().await;
    let mut spans: Vec<_> = (1..=5).map(span).collect();
    spans[0].trace_id = vec![1; 15];
    spans[2].trace_id = vec![0; 16];
    spans[3].start_time_unix_nano = 0;
    let request = request(spans.clone());
    let summary = "2 spans: trace id must be 16 bytes, not zero; 1 span: start time is older than --retentionPeriod";
    let partial = response(&post(node.http, &[PROTOBUF], &request.encode_to_vec()).await)
        .partial_success
        .unwrap();
    assert_eq!((partial.rejected_spans, partial.error_message.as_str()), (3, summary));
    let reply = post(node.http, &[JSON], &serde_json::to_vec(&request).unwrap()).await;
    let expected = json!({ "partialSuccess": { "rejectedSpans": "3", "errorMessage": summary } });
    assert_eq!(reply.json(), expected);
    let kept = [spans[1].clone(), spans[4].clone()];
    assert_eq!(node.sink.spans(), [kept.clone(), kept].concat());
}

#[tokio::test]
async fn without_good_spans_nothing_is_written() {
    let node = Node::start().await;
    assert_eq!(response(&post(node.http, &[PROTOBUF], b"").await).partial_success, None);
    let mut bad = span(1);
    bad.span_id.clear();
    let reply = post(node.http, &[PROTOBUF], &request(vec![bad]).encode_to_vec()).await;
    assert_eq!(response(&reply).partial_success.unwrap().rejected_spans, 1);
    assert!(node.sink.batches().is_empty());
}

#[tokio::test]
async fn errors_of_the_storage_tell_whether_and_when_to_try_again() {
    let cases = [
        (
            WriteError::Overloaded {
                reason: "r".into(),
                retry_after: Duration::from_millis(1200),
            },
            429,
            8,
            Some((2, 1, 200_000_000)),
        ),
        (
            WriteError::ReadOnly {
                reason: "r".into(),
                retry_after: Duration::from_secs(30),
            },
            429,
            8,
            Some((30, 30, 0)),
        ),
        (WriteError::Unavailable("r".into()), 503, 14, Some((1, 1, 0))),
        (WriteError::Storage("r".into()), 503, 14, Some((1, 1, 0))),
        (WriteError::Invalid("r".into()), 400, 3, None),
    ];
    for (error, http, code, delay) in cases {
        let node = Node::start().await;
        node.sink.fail(error.clone());
        let reply = post(node.http, &[PROTOBUF], &body(1)).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (http, Some(PROTOBUF.1)),
            "{error}"
        );
        assert_eq!(
            reply.header("retry-after"),
            delay.map(|d| d.0.to_string()).as_deref(),
            "{error}"
        );
        let status = RpcStatus::decode(&reply.body[..]).unwrap();
        assert_eq!(
            (status.code, status.message.as_str()),
            (code, error.to_string().as_str())
        );
        let told = status
            .details
            .first()
            .map(|d| RetryInfo::decode(&d.value[..]).unwrap().retry_delay.unwrap());
        assert_eq!(told, delay.map(|(_, seconds, nanos)| RetryDelay { seconds, nanos }));
        let reply = post(node.http, &[JSON], br#"{"resourceSpans":5}"#).await;
        assert_eq!((reply.status, &reply.json()["code"]), (400, &json!(3)));
    }
}

fn tight() -> InsertConfig {
    InsertConfig {
        insert_max_concurrent: 1,
        insert_max_queue_duration: Period::from_millis(20),
        ..InsertConfig::default()
    }
}

#[tokio::test]
async fn too_many_requests_at_work_are_told_to_come_again() {
    let node = Node::with(tight()).await;
    node.sink.hold().await;
    // One of them holds the only place until the gate opens, so the other is refused.
    let (one, two) = (body(1), body(2));
    let sends = [&one, &two].map(|body| Box::pin(post(node.http, &[PROTOBUF], body)));
    let (refused, _, mut others) = futures::future::select_all(sends).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("1")),
        "{}",
        refused.text()
    );
    node.sink.release();
    assert_eq!(others.remove(0).await.status, 200);
    assert_eq!(post(node.http, &[PROTOBUF], &one).await.status, 200);
}

#[tokio::test]
async fn memory_of_requests_under_way_is_bounded() {
    let node = Node::with(InsertConfig {
        insert_max_request_size: ByteSize::mib(1),
        insert_max_inflight_bytes: ByteSize::mib(1),
        insert_max_queue_duration: Period::from_millis(20),
        ..InsertConfig::default()
    })
    .await;
    node.sink.hold().await;
    // Room for five bodies of one megabyte: four of the largest and one megabyte.
    let mut large = span(1);
    large.name = "x".repeat(900 << 10);
    let large = request(vec![large]).encode_to_vec();
    let mut under_way = Vec::new();
    for writes in 1..=5 {
        let (to, body) = (node.http, large.clone());
        under_way.push(tokio::spawn(async move { post(to, &[PROTOBUF], &body).await.status }));
        node.sink.has_begun(writes).await;
    }
    let refused = post(node.http, &[PROTOBUF], &large).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("1")),
        "{}",
        refused.text()
    );
    node.sink.release();
    for reply in under_way {
        assert_eq!(reply.await.unwrap(), 200);
    }
    assert_eq!(post(node.http, &[PROTOBUF], &large).await.status, 200);
}
