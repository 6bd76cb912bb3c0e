//! What must never be stored, crash the node or fill its memory: every case gets a clear status, and a good request
//! right after it is taken.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panic"
)]

mod support;

use common::config::{ByteSize, Period};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use serde_json::json;
use std::io::Write;
use support::client::{self, JSON, PATH, PROTOBUF, Reply, post};
use support::{Node, Span, attribute, body, request, span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vtinsert::{InsertConfig, RpcStatus};

fn message(reply: &Reply) -> String {
    RpcStatus::decode(&reply.body[..])
        .unwrap_or_else(|error| panic!("{error}: {reply:?}"))
        .message
}

/// The node still takes good spans, and has taken nothing else.
async fn is_unharmed(node: &Node) {
    assert!(node.sink.batches().is_empty());
    assert_eq!(post(node.http, &[PROTOBUF], &body(1)).await.status, 200);
    assert_eq!(node.sink.spans().len(), 1);
}

#[tokio::test]
async fn truncated_and_foreign_bodies() {
    let node = Node::start().await;
    let whole = body(3);
    for cut in [1, 2, 10, whole.len() / 2, whole.len() - 1] {
        let reply = post(node.http, &[PROTOBUF], &whole[..cut]).await;
        assert_eq!(reply.status, 400);
        assert!(
            message(&reply).contains("truncated protobuf message at byte"),
            "{}",
            message(&reply)
        );
    }
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&whole).unwrap();
        encoder.finish().unwrap()
    };
    for foreign in [&b"hello world"[..], b"{\"resourceSpans\":[]}", &gzip, &[0xff; 100]] {
        let reply = post(node.http, &[PROTOBUF], foreign).await;
        assert_eq!(reply.status, 400);
        assert!(
            message(&reply).starts_with("not an OTLP trace request in protobuf"),
            "{}",
            message(&reply)
        );
    }
    for foreign in [&whole[..], b"", b"{\"resourceSpans\":[", b"null", b"\xff"] {
        let reply = post(node.http, &[JSON], foreign).await;
        assert_eq!((reply.status, &reply.json()["code"]), (400, &json!(3)));
    }
    is_unharmed(&node).await;
}

#[tokio::test]
async fn compressed_bombs() {
    let node = Node::start().await;
    let zeros = vec![0; 65 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&zeros).unwrap();
    let bombs = [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("zstd", zstd::bulk::compress(&zeros, 1).unwrap()),
        ("snappy", snap::raw::Encoder::new().compress_vec(&zeros).unwrap()),
    ];
    drop(zeros);
    for (encoding, bomb) in bombs {
        let reply = post(node.http, &[PROTOBUF, ("Content-Encoding", encoding)], &bomb).await;
        assert_eq!(reply.status, 413, "{encoding}");
        let expected = "the decompressed body is larger than 64MiB (--opentelemetry.traces.maxRequestSize)";
        assert_eq!(message(&reply), expected, "{encoding}");
    }
    is_unharmed(&node).await;
}

#[tokio::test]
async fn corrupt_compressed_bodies() {
    let node = Node::start().await;
    for encoding in ["gzip", "deflate", "zstd", "snappy"] {
        for body in [
            &body(1)[..],
            b"\x1f\x8b\x08\x00",
            b"\x28\xb5\x2f\xfd\x00",
            b"\xff\xff\xff\xff\xff",
        ] {
            let reply = post(node.http, &[PROTOBUF, ("Content-Encoding", encoding)], body).await;
            assert_eq!(reply.status, 400, "{encoding} {body:?}: {}", message(&reply));
            assert!(message(&reply).starts_with(&format!("cannot decompress the {encoding} body: ")));
        }
    }
    is_unharmed(&node).await;
}

#[tokio::test]
async fn a_hundred_megabytes() {
    let node = Node::start().await;
    let expected = "the body is larger than 64MiB (--opentelemetry.traces.maxRequestSize)";
    // All of it is sent before the answer is read.
    let reply = post(node.http, &[PROTOBUF], &vec![0; 100 << 20]).await;
    assert_eq!((reply.status, message(&reply).as_str()), (413, expected));
    // A client that asks first is not made to send it.
    let headers = [PROTOBUF, ("Content-Length", "104857600"), ("Expect", "100-continue")];
    let reply = client::reply(client::open(node.http, "POST", PATH, &headers).await).await;
    assert_eq!((reply.status, message(&reply).as_str()), (413, expected));
    // Without a declared length the limit is found on the way.
    let mut stream = client::open(node.http, "POST", PATH, &[PROTOBUF, ("Transfer-Encoding", "chunked")]).await;
    let mut chunk = b"100000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x10_0000, 0);
    chunk.extend(b"\r\n");
    for _ in 0..100 {
        stream.write_all(&chunk).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let reply = client::reply(stream).await;
    assert_eq!((reply.status, message(&reply).as_str()), (413, expected));
    is_unharmed(&node).await;
}

#[tokio::test]
async fn the_size_limit_is_a_flag_and_exact() {
    let good = body(2);
    let config = |size: usize| InsertConfig {
        insert_max_request_size: ByteSize::new(size as u64),
        ..InsertConfig::default()
    };
    let node = Node::with(config(good.len())).await;
    assert_eq!(post(node.http, &[PROTOBUF], &good).await.status, 200);
    let node = Node::with(config(good.len() - 1)).await;
    assert_eq!(post(node.http, &[PROTOBUF], &good).await.status, 413);
    is_unharmed(&node).await;
}

#[tokio::test]
async fn invalid_ids_and_absurd_times() {
    let node = Node::start().await;
    let day = 86_400_000_000_000;
    let broken: Vec<_> = (1..)
        .zip([
            |s: &mut Span| s.trace_id.clear(),
            |s: &mut Span| s.trace_id = vec![0; 16],
            |s: &mut Span| s.trace_id.push(1),
            |s: &mut Span| s.span_id.clear(),
            |s: &mut Span| s.span_id = vec![0; 8],
            |s: &mut Span| s.parent_span_id = vec![1; 16],
            |s: &mut Span| s.start_time_unix_nano = 0,
            |s: &mut Span| s.start_time_unix_nano -= 8 * 86_400_000_000_000,
            |s: &mut Span| s.start_time_unix_nano += 3 * 86_400_000_000_000,
            |s: &mut Span| s.start_time_unix_nano = u64::MAX,
        ])
        .map(|(id, damage)| {
            let mut span = span(id);
            damage(&mut span);
            span
        })
        .collect();
    let mut late = span(100);
    late.start_time_unix_nano -= 6 * day;
    late.end_time_unix_nano = u64::MAX;
    let mut backwards = span(101);
    backwards.end_time_unix_nano = 0;
    let kept = [late, backwards];
    let reply = post(
        node.http,
        &[PROTOBUF],
        &request([&broken[..], &kept].concat()).encode_to_vec(),
    )
    .await;
    assert_eq!(reply.status, 200);
    let text = reply.text();
    for reason in [
        "3 spans: trace id must be 16 bytes, not zero",
        "2 spans: span id must be 8 bytes, not zero",
        "1 span: parent span id must be 8 bytes or absent",
        "2 spans: start time is older than --retentionPeriod",
        "2 spans: start time is later than --futureRetention allows",
    ] {
        assert!(text.contains(reason), "{text}");
    }
    assert_eq!(node.sink.spans(), kept);
}

#[tokio::test]
async fn ten_thousand_attributes() {
    let many = |count: u64| {
        let mut span = span(count);
        span.attributes = (0..count)
            .map(|i| attribute(&format!("key {i}"), Value::IntValue(1)))
            .collect();
        span
    };
    let node = Node::start().await;
    let (most, beyond) = (many(10_000), many(10_001));
    let reply = post(
        node.http,
        &[PROTOBUF],
        &request(vec![beyond, most.clone()]).encode_to_vec(),
    )
    .await;
    assert_eq!(reply.status, 200);
    assert!(
        reply
            .text()
            .contains("1 span: more attributes than --insert.maxAttributesPerSpan"),
        "{}",
        reply.text()
    );
    assert_eq!(node.sink.spans(), [most]);
}

#[tokio::test]
async fn a_slow_body() {
    let config = InsertConfig {
        insert_read_timeout: Period::from_millis(500),
        ..InsertConfig::default()
    };
    let node = Node::with(config).await;
    let mut stream = client::open(node.http, "POST", PATH, &[PROTOBUF, ("Content-Length", "1000")]).await;
    stream.write_all(&body(1)[..10]).await.unwrap();
    let reply = client::reply(stream).await;
    assert_eq!(reply.status, 408);
    assert_eq!(
        message(&reply),
        "the body did not arrive within 500ms (--insert.readTimeout)"
    );
    is_unharmed(&node).await;
}

#[tokio::test]
async fn a_client_that_goes_away() {
    let node = Node::start().await;
    let mut stream = client::open(node.http, "POST", PATH, &[PROTOBUF, ("Content-Length", "1000")]).await;
    stream.write_all(&body(1)[..10]).await.unwrap();
    stream.shutdown().await.unwrap();
    // Whatever it is answered, if anything: the connection ends.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    is_unharmed(&node).await;
}

#[tokio::test]
async fn many_tiny_things() {
    let node = Node::start().await;
    let groups = request(vec![]).encode_to_vec().repeat(100_000);
    assert_eq!(post(node.http, &[PROTOBUF], &groups).await.status, 200);
    let empty_spans = b"\x12\x00".repeat(500_000);
    let mut scope = Vec::new();
    prost::encoding::bytes::encode(2, &empty_spans, &mut scope);
    let mut body = Vec::new();
    prost::encoding::bytes::encode(1, &scope, &mut body);
    let reply = post(node.http, &[PROTOBUF], &body).await;
    assert!(
        reply
            .text()
            .contains("500000 spans: trace id must be 16 bytes, not zero"),
        "{}",
        reply.text()
    );
    let json = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}{{}}]}}]}}]}}"#,
        "{},".repeat(500_000)
    );
    let reply = post(node.http, &[JSON], json.as_bytes()).await;
    assert_eq!(reply.json()["partialSuccess"]["rejectedSpans"], json!("500001"));
    is_unharmed(&node).await;
}
