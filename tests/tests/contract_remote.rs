//! The contract suite through the network: a memory store behind the server of a storage node, and its remote client.

use async_trait::async_trait;
use common::cluster::{
    ClusterState, HintCount, Incarnation, NodeAnswers, NodeId, NodePart, NodeQuery, PeerNode, Pull, Pulls,
    ReplicaWrite, RequestPart, Scope, SlotSet, StorageNode,
};
use common::contract::{AnswerStream, BatchWrite, QueryContext, QueryError, SpanSink, SpanSource, WriteError};
use common::http::{App, ConnectionLimits, Lifecycle, serve};
use common::ids::Epoch;
use common::memory::MemoryStore;
use common::query::Plan;
use common::rpc::{Credentials, Greeting, PROTOCOL, RemoteNode};
use futures::stream::{self, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tests::contract_suite::{self, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tonic::service::Routes;
use vtstorage::server::{Host, ServerConfig, StorageService, routes};

/// A storage node that keeps spans in memory.
struct MemoryNode(MemoryStore);

#[async_trait]
impl StorageNode for MemoryNode {
    async fn write(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        let batch = BatchWrite {
            tenant: write.tenant,
            request_id: write.parts[0].id,
            otlp: write.payload,
        };
        self.0.write(batch).await
    }

    async fn hint(&self, _: NodeId, _: u64, _: ReplicaWrite) -> Result<(), WriteError> {
        Err(WriteError::Unavailable("no hints here".to_owned()))
    }

    async fn mark(&self, _: NodeId) -> Result<u64, WriteError> {
        Err(WriteError::Unavailable("no marks here".to_owned()))
    }

    async fn query(&self, query: NodeQuery, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        let parts = self.0.query(query.plan, context).await?;
        let end = Ok(NodePart::End { in_sync: true });
        Ok(parts
            .map(|part| part.map(NodePart::Part))
            .chain(stream::iter([end]))
            .boxed())
    }
}

#[async_trait]
impl PeerNode for MemoryNode {
    async fn pull(&self, _: Pull) -> Result<Pulls, WriteError> {
        Err(WriteError::Unavailable("nothing is moved here".to_owned()))
    }

    async fn deliver(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        self.write(write).await
    }

    async fn hints_for(&self, _: NodeId) -> Result<HintCount, WriteError> {
        Ok(HintCount::default())
    }

    async fn confirm_no_hints(&self, _: NodeId, _: u64, _: u64) -> Result<bool, WriteError> {
        Ok(true)
    }
}

impl Host for MemoryNode {
    fn greeting(&self) -> Greeting {
        Greeting {
            protocol: PROTOCOL,
            release: String::new(),
            node: NodeId(1),
            zone: String::new(),
            incarnation: Incarnation(1),
            cluster: None,
            version: 0,
            seen: Vec::new(),
        }
    }

    fn states(&self) -> watch::Receiver<Option<Arc<ClusterState>>> {
        watch::Sender::new(None).subscribe()
    }
}

/// A remote node as a store of its own.
struct Remote(RemoteNode);

#[async_trait]
impl SpanSink for Remote {
    async fn write(&self, batch: BatchWrite) -> Result<(), WriteError> {
        let length = u32::try_from(batch.otlp.len()).expect("a short message");
        let part = RequestPart {
            id: batch.request_id,
            slots: SlotSet::all(16),
            bytes: length,
        };
        let write = ReplicaWrite {
            tenant: batch.tenant,
            epoch: Epoch(1),
            parts: vec![part],
            length,
            payload: batch.otlp,
            compressed: false,
        };
        self.0.write(write).await
    }
}

#[async_trait]
impl SpanSource for Remote {
    async fn query(&self, plan: Plan, context: QueryContext) -> Result<AnswerStream, QueryError> {
        let query = NodeQuery {
            plan,
            version: 1,
            scope: Scope::default(),
        };
        let parts = self.0.query(query, context).await?;
        let answers = parts.filter_map(|part| async move {
            match part {
                Ok(NodePart::Part(answer)) => Some(Ok(answer)),
                Ok(NodePart::Encoded(part)) => panic!("connections decode: {} bytes", part.len()),
                Ok(NodePart::End { in_sync }) => {
                    assert!(in_sync);
                    None
                }
                Err(error) => Some(Err(error)),
            }
        });
        Ok(answers.boxed())
    }
}

/// Ends a server with the store that needs it.
struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn store() -> Store {
    let node = Arc::new(MemoryNode(MemoryStore::new()));
    let lifecycle = Lifecycle::new();
    let service = StorageService::new(node.clone(), node, lifecycle.clone(), &ServerConfig::default());
    let app = App::bare(routes(service, Routes::default(), Credentials::default()).await);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let limits = ConnectionLimits {
        idle_timeout: Duration::from_secs(60),
        drain_timeout: Duration::from_secs(60),
        connections: 1_000,
    };
    let serving = tokio::spawn(serve("storage", listener, app, lifecycle, limits)).abort_handle();
    let node = RemoteNode::new(&addr.to_string(), Credentials::default()).expect("an address");
    let remote = Arc::new(Remote(node));
    Store::new(remote.clone(), remote).keep(Serving(serving))
}

#[tokio::test]
async fn a_remote_store_keeps_the_contract() {
    contract_suite::run(store).await;
}

#[tokio::test]
async fn a_remote_store_agrees_with_a_local_one() {
    contract_suite::differential(store, 3_000, 4).await;
}
