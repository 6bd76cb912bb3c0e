//! What the cases run against: somewhere to send OTLP, and Jaeger's API over HTTP.

use common::contract::{BatchWrite, SpanSink, SpanSource};
use common::ids::{RequestId, TenantId};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use serde_json::Value;
use std::any::Any;
use std::sync::Arc;
use tests::cluster::Cluster;
use tests::process::Server;
use tokio::runtime::Runtime;
use vtselect::SelectConfig;

type Write = Box<dyn Fn(u32, &Value)>;

/// Each case has an account of its own, so that one store serves them all.
pub struct Target {
    /// The URL below which `/api/…` lies
    base: String,
    write: Write,
    agent: ureq::Agent,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

impl Target {
    /// The query side in this process, over a store that `open` makes within a runtime.
    pub fn in_process<S: SpanSink + SpanSource>(open: impl FnOnce() -> Arc<S>) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let entered = runtime.enter();
        let store = open();
        drop(entered);
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a free port");
        let address = listener.local_addr().expect("its address");
        let router = vtselect::http_router(&SelectConfig::default(), store.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        let write = move |account, otlp: &Value| {
            let data: TracesData = serde_json::from_value(otlp.clone()).expect("OTLP/JSON");
            let otlp = data.encode_to_vec();
            let tenant = TenantId::new(account, 0);
            let request_id = RequestId::of(tenant, &otlp);
            let batch = BatchWrite {
                tenant,
                request_id,
                otlp: otlp.into(),
            };
            runtime.block_on(store.write(batch)).expect("the store accepts it");
        };
        Self::new(format!("http://{address}/select/jaeger"), Box::new(write))
    }

    /// A `vtsingle` process.
    pub fn process(server: Server) -> Self {
        Self::processes(server.url(""), server.url("/select/jaeger"), Box::new(server))
    }

    /// A cluster, through its first insert and its first select node.
    pub fn cluster(cluster: Cluster) -> Self {
        let (insert, select) = (cluster.insert[0].url(""), cluster.select[0].url("/select/jaeger"));
        Self::processes(insert, select, Box::new(cluster))
    }

    /// Spans go in through an OTLP receiver, at the URL `insert`. The processes live as long as `keep`.
    fn processes(insert: String, base: String, keep: Box<dyn Any>) -> Self {
        let agent = agent();
        let write = move |account: u32, otlp: &Value| {
            let _running = &keep;
            let request = agent
                .post(format!("{insert}/insert/opentelemetry/v1/traces"))
                .header("AccountID", account.to_string())
                .content_type("application/json");
            let reply = reply(request.send(otlp.to_string()).expect("an answer"));
            assert_eq!(reply.status, 200, "{reply:?}");
            assert!(!reply.body.contains("rejectedSpans"), "{reply:?}");
        };
        Self::new(base, Box::new(write))
    }

    pub fn new(base: String, write: Write) -> Self {
        Self {
            base,
            write,
            agent: agent(),
        }
    }

    pub fn write(&self, account: u32, otlp: &Value) {
        (self.write)(account, otlp);
    }

    /// `GET`; `path` begins with `/api` and is encoded already.
    pub fn get(&self, account: u32, path: &str) -> Reply {
        let request = self
            .agent
            .get(format!("{}{path}", self.base))
            .header("AccountID", account.to_string());
        reply(request.call().unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    /// `GET` with parameters still to be encoded.
    pub fn query<'a>(&self, account: u32, path: &str, params: impl IntoIterator<Item = (&'a str, &'a str)>) -> Reply {
        let mut request = self
            .agent
            .get(format!("{}{path}", self.base))
            .header("AccountID", account.to_string());
        for (name, value) in params {
            request = request.query(name, value);
        }
        reply(request.call().unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    pub fn post(&self, path: &str, body: &str) -> Reply {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .content_type("application/json");
        reply(request.send(body).unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    /// The `data` of a successful call.
    pub fn data(&self, account: u32, path: &str) -> Value {
        let reply = self.get(account, path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json()["data"].take()
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn reply(mut response: ureq::http::Response<ureq::Body>) -> Reply {
    let content_type = response.headers().get("content-type");
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = response
        .body_mut()
        .with_config()
        .limit(1 << 30)
        .read_to_string()
        .expect("a body of text");
    Reply {
        status: response.status().as_u16(),
        content_type,
        body,
    }
}
