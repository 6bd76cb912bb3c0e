//! OTLP/gRPC over real sockets, with tonic's client and with frames made by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panic"
)]

mod support;

use common::config::{ByteSize, Period};
use common::contract::WriteError;
use common::ids::TenantId;
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use std::time::Duration;
use support::{Node, body, request, span};
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use vtinsert::{InsertConfig, RetryInfo, RpcStatus};

async fn channel(node: &Node) -> Channel {
    Endpoint::from_shared(format!("http://{}", node.grpc))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

async fn client(node: &Node) -> TraceServiceClient<Channel> {
    TraceServiceClient::new(channel(node).await)
}

#[tokio::test]
async fn spans_are_handed_on_byte_by_byte_whatever_the_compression() {
    let node = Node::start().await;
    let request = request((1..500).map(span).collect());
    let client = client(&node).await;
    for mut client in [
        client.clone(),
        client.clone().send_compressed(CompressionEncoding::Gzip),
        client.send_compressed(CompressionEncoding::Zstd),
    ] {
        assert_eq!(
            client
                .export(request.clone())
                .await
                .unwrap()
                .into_inner()
                .partial_success,
            None
        );
    }
    let batches = node.sink.batches();
    assert_eq!(batches.len(), 3);
    assert!(
        batches
            .iter()
            .all(|batch| batch.otlp == request.encode_to_vec() && batch.tenant == TenantId::default())
    );
    assert_eq!(batches[0].request_id, batches[1].request_id);
}

#[tokio::test]
async fn tenants_come_from_metadata() {
    let node = Node::start().await;
    let mut request = Request::new(request(vec![span(1)]));
    request.metadata_mut().insert("accountid", "3".parse().unwrap());
    request.metadata_mut().insert("projectid", "4".parse().unwrap());
    client(&node).await.export(request).await.unwrap();
    assert_eq!(node.sink.batches()[0].tenant, TenantId::new(3, 4));
    let mut bad = Request::new(support::request(vec![]));
    bad.metadata_mut().insert("accountid", "x".parse().unwrap());
    assert_eq!(
        client(&node).await.export(bad).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn bad_spans_are_counted_and_the_others_stored() {
    let node = Node::start().await;
    let mut bad = span(1);
    bad.trace_id.pop();
    let answer = client(&node)
        .await
        .export(request(vec![bad, span(2)]))
        .await
        .unwrap()
        .into_inner();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert_eq!(partial.error_message, "1 span: trace id must be 16 bytes, not zero");
    assert_eq!(node.sink.spans().len(), 1);
}

/// The delay that the details of a status ask for.
fn delay(status: &Status) -> Option<Duration> {
    let details = RpcStatus::decode(status.details()).unwrap();
    let info = RetryInfo::decode(&details.details.first()?.value[..])
        .unwrap()
        .retry_delay
        .unwrap();
    Some(Duration::new(info.seconds.unsigned_abs(), info.nanos.unsigned_abs()))
}

#[tokio::test]
async fn errors_of_the_storage_tell_whether_and_when_to_try_again() {
    let wait = Duration::from_millis(1200);
    let second = Some(Duration::from_secs(1));
    let cases = [
        (
            WriteError::Overloaded {
                reason: "r".into(),
                retry_after: wait,
            },
            Code::ResourceExhausted,
            Some(wait),
        ),
        (
            WriteError::ReadOnly {
                reason: "r".into(),
                retry_after: wait,
            },
            Code::ResourceExhausted,
            Some(wait),
        ),
        (WriteError::Unavailable("r".into()), Code::Unavailable, second),
        (WriteError::Storage("r".into()), Code::Unavailable, second),
        (WriteError::Invalid("r".into()), Code::InvalidArgument, None),
    ];
    let node = Node::start().await;
    let mut client = client(&node).await;
    for (error, code, retry) in cases {
        node.sink.fail(error.clone());
        let status = client.export(request(vec![span(1)])).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, error.to_string().as_str()));
        assert_eq!(delay(&status), retry, "{error}");
    }
}

#[tokio::test]
async fn overload_of_the_receiver_is_resource_exhausted_with_a_delay() {
    let node = Node::with(InsertConfig {
        insert_max_concurrent: 1,
        insert_max_queue_duration: Period::from_millis(20),
        ..InsertConfig::default()
    })
    .await;
    node.sink.hold().await;
    let (mut one, mut two) = (client(&node).await, client(&node).await);
    let sends = [&mut one, &mut two].map(|client| Box::pin(client.export(request(vec![span(1)]))));
    let (refused, _, mut others) = futures::future::select_all(sends).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.code(), delay(&refused)),
        (Code::ResourceExhausted, Some(Duration::from_secs(1)))
    );
    node.sink.release();
    others.remove(0).await.unwrap();
}

#[tokio::test]
async fn health_says_that_the_service_serves() {
    let node = Node::start().await;
    let mut health = HealthClient::new(channel(&node).await);
    for service in ["", "opentelemetry.proto.collector.trace.v1.TraceService"] {
        let answer = health
            .check(HealthCheckRequest {
                service: service.into(),
            })
            .await
            .unwrap();
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    }
    let unknown = health
        .check(HealthCheckRequest {
            service: "other".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}

/// What a hand-made call is answered.
struct Answer {
    http: u16,
    code: Code,
    message: String,
    accepts: Option<String>,
}

/// Sends `frame` as the body of a call.
async fn call(node: &Node, path: &str, headers: &[(&str, &str)], frame: Vec<u8>) -> Answer {
    let mut builder = axum::http::Request::post(format!("http://{}{path}", node.grpc));
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let body = Full::from(frame).map_err(|never| match never {});
    let request = builder.body(tonic::body::Body::new(body)).unwrap();
    let mut channel = channel(node).await;
    let service = tower::ServiceExt::ready(&mut channel).await.unwrap();
    let response = tower::Service::call(service, request).await.unwrap();
    let (head, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let status = Status::from_header_map(&head.headers)
        .or_else(|| Status::from_header_map(&trailers))
        .unwrap_or_else(|| Status::unknown("no status"));
    Answer {
        http: head.status.as_u16(),
        code: status.code(),
        message: status.message().to_owned(),
        accepts: head
            .headers
            .get("grpc-accept-encoding")
            .map(|value| value.to_str().unwrap().to_owned()),
    }
}

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const GRPC: (&str, &str) = ("content-type", "application/grpc");

fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}

#[tokio::test]
async fn bad_data_is_an_invalid_argument_and_never_internal() {
    let node = Node::with(InsertConfig {
        insert_max_request_size: ByteSize::mib(1),
        ..InsertConfig::default()
    })
    .await;
    let bomb = zstd::bulk::compress(&vec![0; 2 << 20], 1).unwrap();
    let whole = frame(0, &body(2));
    let cases = [
        (
            "not protobuf",
            "identity",
            frame(0, b"hello"),
            "not an OTLP trace request in protobuf",
        ),
        ("cut message", "identity", frame(0, &body(2)[..50]), "truncated"),
        ("cut frame", "identity", whole[..50].to_vec(), "bad gRPC frame"),
        ("no frame", "identity", vec![], "bad gRPC frame"),
        (
            "two messages",
            "identity",
            [whole.clone(), whole].concat(),
            "bad gRPC frame",
        ),
        (
            "corrupt gzip",
            "gzip",
            frame(1, b"\x1f\x8b\x08rest"),
            "cannot decompress the gzip body",
        ),
        (
            "corrupt zstd",
            "zstd",
            frame(1, b"hello"),
            "cannot decompress the zstd body",
        ),
        (
            "bomb",
            "zstd",
            frame(1, &bomb),
            "the decompressed body is larger than 1MiB",
        ),
        (
            "too large",
            "identity",
            frame(0, &vec![0; (1 << 20) + 1]),
            "the body is larger than 1MiB",
        ),
    ];
    for (name, encoding, frame, message) in cases {
        let answer = call(&node, EXPORT, &[GRPC, ("grpc-encoding", encoding)], frame).await;
        assert_eq!(
            (answer.http, answer.code),
            (200, Code::InvalidArgument),
            "{name}: {}",
            answer.message
        );
        assert!(answer.message.contains(message), "{name}: {}", answer.message);
    }
    assert!(node.sink.batches().is_empty());
}

#[tokio::test]
async fn unknown_methods_types_and_encodings_are_named() {
    let node = Node::start().await;
    let good = frame(0, &body(1));
    let method = call(&node, &EXPORT.replace("Export", "Import"), &[GRPC], good.clone()).await;
    assert_eq!(method.code, Code::Unimplemented);
    let encoding = call(&node, EXPORT, &[GRPC, ("grpc-encoding", "br")], good.clone()).await;
    assert_eq!(encoding.code, Code::Unimplemented);
    assert_eq!(encoding.accepts.as_deref(), Some("gzip,zstd,snappy,deflate,identity"));
    let not_grpc = call(&node, EXPORT, &[("content-type", "application/json")], good.clone()).await;
    assert_eq!(not_grpc.http, 415);
    let proto = call(&node, EXPORT, &[("content-type", "application/grpc+proto")], good).await;
    assert_eq!(proto.code, Code::Ok);
    assert_eq!(node.sink.spans().len(), 1);
}
