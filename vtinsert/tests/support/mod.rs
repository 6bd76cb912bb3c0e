//! What the tests of the receivers share: a node with real sockets, a sink that remembers, requests to send.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod arbitrary;
pub mod client;

use common::contract::{BatchWrite, SpanSink, WriteError};
use common::time::UnixNanos;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
pub use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use vtinsert::{InsertConfig, Receiver, TimeWindow};

pub const WINDOW: TimeWindow = TimeWindow {
    past: Duration::from_secs(7 * 86_400),
    future: Duration::from_secs(2 * 86_400),
};

/// Remembers batches; fails or waits when told to.
pub struct RecordingSink {
    batches: Mutex<Vec<BatchWrite>>,
    error: Mutex<Option<WriteError>>,
    gate: Semaphore,
    begun: watch::Sender<usize>,
}

impl RecordingSink {
    /// Waits until `writes` writes have begun, done or not.
    pub async fn has_begun(&self, writes: usize) {
        self.begun.subscribe().wait_for(|begun| *begun >= writes).await.unwrap();
    }

    pub fn batches(&self) -> Vec<BatchWrite> {
        self.batches.lock().unwrap().clone()
    }

    /// All writes fail from now on.
    pub fn fail(&self, error: WriteError) {
        *self.error.lock().unwrap() = Some(error);
    }

    /// Takes the right to write: writes wait until [`Self::release`].
    pub async fn hold(&self) {
        self.gate.acquire_many(1000).await.unwrap().forget();
    }

    pub fn release(&self) {
        self.gate.add_permits(1000);
    }

    /// The spans of all batches, in order.
    pub fn spans(&self) -> Vec<Span> {
        self.batches().iter().flat_map(|batch| spans_of(&batch.otlp)).collect()
    }
}

#[async_trait::async_trait]
impl SpanSink for RecordingSink {
    async fn write(&self, batch: BatchWrite) -> Result<(), WriteError> {
        self.begun.send_modify(|begun| *begun += 1);
        let _pass = self.gate.acquire().await.unwrap();
        if let Some(error) = self.error.lock().unwrap().clone() {
            return Err(error);
        }
        self.batches.lock().unwrap().push(batch);
        Ok(())
    }
}

/// Receivers on free ports of the loopback address, stopped on drop.
pub struct Node {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    pub sink: Arc<RecordingSink>,
    tasks: Vec<JoinHandle<()>>,
}

impl Node {
    pub async fn start() -> Self {
        Self::with(InsertConfig::default()).await
    }

    pub async fn with(config: InsertConfig) -> Self {
        let sink = Arc::new(RecordingSink {
            batches: Mutex::default(),
            error: Mutex::default(),
            gate: Semaphore::new(1000),
            begun: watch::Sender::new(0),
        });
        let receiver = Receiver::new(config, WINDOW, sink.clone());
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (http_addr, grpc_addr) = (http.local_addr().unwrap(), grpc.local_addr().unwrap());
        let router = receiver.http_router();
        let routes = receiver.grpc_routes(&common::http::Lifecycle::new()).await;
        let tasks = vec![
            tokio::spawn(async move { axum::serve(http, router).await.unwrap() }),
            tokio::spawn(async move {
                tonic::transport::Server::builder()
                    .add_routes(routes)
                    .serve_with_incoming(tonic::transport::server::TcpIncoming::from(grpc))
                    .await
                    .unwrap();
            }),
        ];
        Self {
            http: http_addr,
            grpc: grpc_addr,
            sink,
            tasks,
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

pub fn now() -> u64 {
    UnixNanos::now().0
}

/// A good span that starts now.
pub fn span(id: u64) -> Span {
    Span {
        trace_id: u128::from(id).to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        name: format!("span {id}"),
        kind: 2,
        start_time_unix_nano: now(),
        end_time_unix_nano: now() + 1_000_000,
        attributes: vec![
            attribute("http.request.method", Value::StringValue("GET".into())),
            attribute("http.response.status_code", Value::IntValue(200)),
        ],
        ..Span::default()
    }
}

pub fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

pub fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

/// A request of `count` good spans in protobuf.
pub fn body(count: u64) -> Vec<u8> {
    request((1..=count).map(span).collect()).encode_to_vec()
}

pub fn spans_of(otlp: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(otlp).unwrap();
    request
        .resource_spans
        .into_iter()
        .flat_map(|r| r.scope_spans)
        .flat_map(|s| s.spans)
        .collect()
}
