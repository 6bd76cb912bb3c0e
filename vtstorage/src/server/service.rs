//! The service `vt.v1.Storage`.

use super::answers::{self, FrameStream};
use super::config::ServerConfig;
use super::pulls::{self, PullStream};
use super::states::{self, StateStream};
use super::writes;
use axum::Router;
use common::cluster::{ClusterState, NodeId, PeerNode, ReplicaWrite};
use common::contract::{QueryError, WriteError};
use common::http::{Lifecycle, Phase};
use common::rpc::proto::storage_server::{Storage, StorageServer};
use common::rpc::proto::{
    ConfirmNoHintsRequest, ConfirmNoHintsResponse, Done, HelloRequest, HelloResponse, HintsForRequest,
    HintsForResponse, MarkRequest, MarkResponse, PullRequest, QueryRequest, SnapshotRequest, StateFrame, WriteFrame,
};
use common::rpc::{Credentials, Greeting, MAX_MESSAGE, MAX_STATE, guarded, messages, pull_frames, state_frame, status};
use common::wire::SCHEMAS;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use tonic_health::ServingStatus;

/// What the node knows of itself and of its cluster.
pub trait Host: Send + Sync + 'static {
    /// Who it is, now.
    fn greeting(&self) -> Greeting;

    /// The state that it has applied, and each newer one.
    fn states(&self) -> watch::Receiver<Option<Arc<ClusterState>>>;
}

/// A node behind the service. Cheap to clone.
#[derive(Clone)]
pub struct StorageService {
    node: Arc<dyn PeerNode>,
    host: Arc<dyn Host>,
    lifecycle: Lifecycle,
    memory_limit: usize,
    queries: Arc<Semaphore>,
    writes: Arc<writes::Room>,
}

/// The routes of the node's gRPC server: the storage service, `more` of the same cluster's services, and in front of
/// them the check of who calls; and the service `grpc.health.v1.Health`, which anybody may ask and which says that the
/// node serves until it begins to leave.
pub async fn routes(storage: StorageService, more: Routes, credentials: Credentials) -> Router {
    let (reporter, health) = tonic_health::server::health_reporter();
    let lifecycle = storage.lifecycle.clone();
    let storage = StorageServer::new(storage)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_STATE);
    reporter.set_serving::<StorageServer<StorageService>>().await;
    tokio::spawn(async move {
        lifecycle.reached(Phase::Leaving).await;
        reporter.set_not_serving::<StorageServer<StorageService>>().await;
        reporter.set_service_status("", ServingStatus::NotServing).await;
    });
    let guarded = guarded(more.add_service(storage).into_axum_router(), credentials);
    Routes::new(health).into_axum_router().reset_fallback().merge(guarded)
}

impl StorageService {
    /// Puts the service in front of a node. Watches end when `lifecycle` drains.
    pub fn new(node: Arc<dyn PeerNode>, host: Arc<dyn Host>, lifecycle: Lifecycle, config: &ServerConfig) -> Self {
        let bytes = |size: common::config::ByteSize| usize::try_from(size.bytes()).unwrap_or(usize::MAX);
        Self {
            node,
            host,
            lifecycle,
            memory_limit: bytes(config.storage_max_memory_per_query),
            queries: Arc::new(Semaphore::new(config.concurrent_queries().min(Semaphore::MAX_PERMITS))),
            writes: Arc::new(writes::Room::new(bytes(config.storage_max_write_bytes_in_flight))),
        }
    }

    /// Takes a write and has it done, to its end even if the caller goes away.
    async fn take<F, Fut>(&self, frames: Request<Streaming<WriteFrame>>, work: F) -> Result<Response<Done>, Status>
    where
        F: FnOnce(Arc<dyn PeerNode>, ReplicaWrite, Option<(NodeId, u64)>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), WriteError>> + Send + 'static,
    {
        let taken = writes::take(frames.into_inner(), &self.writes).await?;
        let node = self.node.clone();
        let done = tokio::spawn(async move {
            let (write, hint, room) = taken;
            let outcome = work(node, write, hint).await;
            drop(room);
            outcome
        });
        let outcome = done.await.map_err(|error| Status::internal(error.to_string()))?;
        outcome
            .map(|()| Response::new(Done {}))
            .map_err(|error| status::of_write(&error))
    }
}

#[tonic::async_trait]
impl Storage for StorageService {
    async fn hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloResponse>, Status> {
        let Greeting {
            protocol,
            release,
            node,
            zone,
            incarnation,
            cluster,
            version,
            seen,
        } = self.host.greeting();
        Ok(Response::new(HelloResponse {
            protocol,
            release,
            node: node.0,
            incarnation: messages::id_to(incarnation.0),
            cluster: cluster.map(|cluster| messages::id_to(cluster.0)).unwrap_or_default(),
            version,
            schemas: SCHEMAS.to_vec(),
            seen: seen.into_iter().map(|node| node.0).collect(),
            zone,
        }))
    }

    async fn write(&self, frames: Request<Streaming<WriteFrame>>) -> Result<Response<Done>, Status> {
        let write = |node: Arc<dyn PeerNode>, write, _| async move { node.write(write).await };
        self.take(frames, write).await
    }

    async fn hint(&self, frames: Request<Streaming<WriteFrame>>) -> Result<Response<Done>, Status> {
        let keep = |node: Arc<dyn PeerNode>, write, hint: Option<(NodeId, u64)>| async move {
            let (target, generation) = hint.ok_or_else(|| WriteError::Invalid("a hint for nobody".to_owned()))?;
            node.hint(target, generation, write).await
        };
        self.take(frames, keep).await
    }

    async fn deliver(&self, frames: Request<Streaming<WriteFrame>>) -> Result<Response<Done>, Status> {
        let deliver = |node: Arc<dyn PeerNode>, write, _| async move { node.deliver(write).await };
        self.take(frames, deliver).await
    }

    async fn mark(&self, request: Request<MarkRequest>) -> Result<Response<MarkResponse>, Status> {
        let marked = self.node.mark(NodeId(request.into_inner().node)).await;
        let generation = marked.map_err(|error| status::of_write(&error))?;
        Ok(Response::new(MarkResponse { generation }))
    }

    type QueryStream = FrameStream;

    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<FrameStream>, Status> {
        let refused = |error: QueryError| status::of_query(&error);
        let Ok(turn) = self.queries.clone().try_acquire_owned() else {
            let reason = "the storage node answers as many queries as it may".to_owned();
            return Err(refused(QueryError::Overloaded(reason)));
        };
        let (query, context) = messages::query_of(request.get_ref(), self.memory_limit).map_err(refused)?;
        // Whoever asked may go away before there is a stream.
        let guard = context.cancel_on_drop();
        let parts = self.node.query(query, context).await.map_err(refused)?;
        let frames = answers::frames(parts, (guard, turn));
        Ok(Response::new(answers::begun(frames).await))
    }

    async fn hints_for(&self, request: Request<HintsForRequest>) -> Result<Response<HintsForResponse>, Status> {
        let counted = self.node.hints_for(NodeId(request.into_inner().node)).await;
        let count = counted.map_err(|error| status::of_write(&error))?;
        Ok(Response::new(HintsForResponse {
            hints: count.hints,
            bytes: count.bytes,
        }))
    }

    async fn confirm_no_hints(
        &self,
        request: Request<ConfirmNoHintsRequest>,
    ) -> Result<Response<ConfirmNoHintsResponse>, Status> {
        let ConfirmNoHintsRequest {
            node,
            generation,
            version,
        } = request.into_inner();
        let confirmed = self.node.confirm_no_hints(NodeId(node), generation, version).await;
        let none = confirmed.map_err(|error| status::of_write(&error))?;
        Ok(Response::new(ConfirmNoHintsResponse { none }))
    }

    type PullStream = PullStream;

    async fn pull(&self, request: Request<PullRequest>) -> Result<Response<PullStream>, Status> {
        let refused = |error: WriteError| status::of_write(&error);
        let pull = pull_frames::request_of(request.get_ref()).map_err(refused)?;
        let pulls = self.node.pull(pull).await.map_err(refused)?;
        Ok(Response::new(pulls::frames(pulls)))
    }

    async fn snapshot(&self, request: Request<SnapshotRequest>) -> Result<Response<StateFrame>, Status> {
        let state = self.host.states().borrow().clone();
        Ok(Response::new(state_frame(
            state.as_deref(),
            request.into_inner().version,
        )))
    }

    type WatchStream = StateStream;

    async fn watch(&self, request: Request<SnapshotRequest>) -> Result<Response<StateStream>, Status> {
        let lifecycle = self.lifecycle.clone();
        let end = async move { lifecycle.reached(Phase::Draining).await };
        let frames = states::frames(self.host.states(), request.into_inner().version, end);
        Ok(Response::new(frames))
    }
}
