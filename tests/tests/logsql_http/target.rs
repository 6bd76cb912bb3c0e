//! The query side over a store, served on a port of this machine.

use bytes::Bytes;
use clap::{Args, Command, FromArgMatches};
use common::config::ByteSize;
use common::contract::{BatchWrite, SpanSink, SpanSource};
use common::ids::{RequestId, TenantId};
use common::memory::MemoryStore;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use serde_json::Value;
use std::any::Any;
use std::sync::Arc;
use tests::cluster::{Cluster, Layout};
use tests::process::Server;
use tokio::runtime::Runtime;
use vtselect::SelectConfig;
use vtstorage::{Engine, StorageConfig};

/// A memory budget that a small query does not need, KiB.
const SMALL: u64 = 96;

pub struct Target {
    base: String,
    /// The same store with little memory for each query
    small: String,
    store: Box<dyn Store>,
    agent: ureq::Agent,
}

/// Where spans go.
trait Store {
    fn write(&self, account: u32, otlp: Bytes);

    /// Moves all spans to where they rest.
    fn settle(&self);
}

/// A store in this process.
struct Local {
    sink: Arc<dyn SpanSink>,
    engine: Option<Arc<Engine>>,
    runtime: Runtime,
    _keep: Box<dyn Any>,
}

impl Store for Local {
    fn write(&self, account: u32, otlp: Bytes) {
        let tenant = TenantId::new(account, 0);
        let request_id = RequestId::of(tenant, &otlp);
        let batch = BatchWrite {
            tenant,
            request_id,
            otlp,
        };
        let written = self.runtime.block_on(self.sink.write(batch));
        written.expect("the store accepts it");
    }

    fn settle(&self) {
        if let Some(engine) = &self.engine {
            self.runtime.block_on(engine.force_flush()).expect("a flush");
        }
    }
}

/// A cluster of processes.
struct Remote {
    cluster: Cluster,
    _small: Server,
}

impl Store for Remote {
    fn write(&self, account: u32, otlp: Bytes) {
        let url = self.cluster.insert[0].url("/insert/opentelemetry/v1/traces");
        let request = agent().post(url).header("AccountID", account.to_string());
        let answer = request.content_type("application/x-protobuf").send(&otlp[..]);
        assert_eq!(answer.expect("an answer").status(), 200);
    }

    fn settle(&self) {
        for node in &self.cluster.storage {
            let (status, body) = node.post("/internal/force_flush", "", b"");
            assert_eq!(status, 200, "{body}");
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
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

    /// The lines of an answer of lines.
    pub fn lines(&self) -> Vec<&str> {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body.lines().collect()
    }
}

impl Target {
    pub fn memory() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self::over(Runtime::new().expect("a runtime"), store, None, Box::new(()))
    }

    pub fn engine() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let flags = [
            format!("--storageDataPath={}", directory.path().display()),
            "--storage.minFreeDiskSpaceBytes=0".to_owned(),
            "--storage.queryThreads=2".to_owned(),
            "--retentionPeriod=100y".to_owned(),
        ];
        let command = StorageConfig::augment_args(Command::new("engine").no_binary_name(true));
        let matches = command.try_get_matches_from(flags).expect("flags");
        let config = StorageConfig::from_arg_matches(&matches).expect("flags");
        let runtime = Runtime::new().expect("a runtime");
        let entered = runtime.enter();
        let engine = Engine::open(config).expect("the engine opens");
        drop(entered);
        Self::over(runtime, engine.clone(), Some(engine), Box::new(directory))
    }

    fn over<S: SpanSink + SpanSource>(
        runtime: Runtime,
        store: Arc<S>,
        engine: Option<Arc<Engine>>,
        keep: Box<dyn Any>,
    ) -> Self {
        let serve = |config: &SelectConfig| {
            let listener = runtime
                .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
                .expect("a free port");
            let address = listener.local_addr().expect("its address");
            let router = vtselect::http_router(config, store.clone());
            runtime.spawn(async move { axum::serve(listener, router).await });
            format!("http://{address}/select/logsql")
        };
        let small = SelectConfig {
            search_max_memory_per_query: ByteSize::kib(SMALL),
            ..SelectConfig::default()
        };
        Self {
            base: serve(&SelectConfig::default()),
            small: serve(&small),
            store: Box::new(Local {
                sink: store.clone(),
                engine,
                runtime,
                _keep: keep,
            }),
            agent: agent(),
        }
    }

    /// Storage, insert and select nodes as processes of their own.
    pub fn cluster(replication_factor: u8) -> Self {
        let mut layout = Layout::default().replication_factor(replication_factor);
        layout.storage_flags = vec!["--retentionPeriod=100y".to_owned()];
        let cluster = layout.start();
        let small = cluster.another_select(&[format!("--search.maxMemoryPerQuery={SMALL}KiB")]);
        Self {
            base: cluster.select[0].url("/select/logsql"),
            small: small.url("/select/logsql"),
            store: Box::new(Remote { cluster, _small: small }),
            agent: agent(),
        }
    }

    /// Moves all spans to where they rest.
    pub fn settle(&self) {
        self.store.settle();
    }

    /// Writes OTLP/JSON.
    pub fn write(&self, account: u32, otlp: &Value) {
        let data: TracesData = serde_json::from_value(otlp.clone()).expect("OTLP/JSON");
        self.write_bytes(account, data.encode_to_vec().into());
    }

    /// Writes OTLP.
    pub fn write_bytes(&self, account: u32, otlp: Bytes) {
        self.store.write(account, otlp);
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    pub fn agent(&self) -> &ureq::Agent {
        &self.agent
    }

    /// `GET` with parameters still to be encoded.
    pub fn get(&self, path: &str, params: &[(&str, &str)]) -> Reply {
        self.get_as(0, path, params)
    }

    pub fn get_as(&self, account: u32, path: &str, params: &[(&str, &str)]) -> Reply {
        let request = self.agent.get(self.url(path)).header("AccountID", account.to_string());
        let request = request.query_pairs(params.iter().copied());
        reply(request.call().unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    /// As [`Self::get_as`] with little memory for the query.
    pub fn get_small(&self, account: u32, path: &str, params: &[(&str, &str)]) -> Reply {
        let request = self.agent.get(format!("{}/{path}", self.small));
        let request = request.header("AccountID", account.to_string());
        let request = request.query_pairs(params.iter().copied());
        reply(request.call().unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    /// `POST` with parameters in the URL, still to be encoded.
    pub fn post(&self, path: &str, params: &[(&str, &str)], content_type: &str, body: &str) -> Reply {
        let request = self.agent.post(self.url(path)).query_pairs(params.iter().copied());
        reply(request.content_type(content_type).send(body).expect("an answer"))
    }

    /// The lines of a query over all of time.
    pub fn lines(&self, query: &str) -> Vec<String> {
        let reply = self.get("query", &[("query", query)]);
        assert_eq!(reply.status, 200, "{query}: {}", reply.body);
        let mut lines: Vec<String> = reply.body.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

pub fn reply(mut response: ureq::http::Response<ureq::Body>) -> Reply {
    let content_type = response.headers().get("content-type");
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_owned();
    let status = response.status().as_u16();
    let body = response.body_mut().read_to_string().expect("a body");
    Reply {
        status,
        content_type,
        body,
    }
}
