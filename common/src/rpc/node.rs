//! A storage node on the other end of a connection.

use super::answer_frames::{Assembly, Received};
use super::channel::connect_lazily;
use super::credentials::{Credentials, PROTOCOL, Speaking, check_answer};
use super::proto::storage_client::StorageClient;
use super::proto::{
    AnswerFrame, ConfirmNoHintsRequest, HelloRequest, HelloResponse, HintsForRequest, MarkRequest, PullFrame,
    SnapshotRequest, StateFrame,
};
use super::pull_frames::{self, PullAssembly};
use super::{MAX_MESSAGE, MAX_STATE, messages, status, write_frames};
use crate::cluster::{
    ClusterId, ClusterState, HintCount, Incarnation, NodeAnswers, NodeId, NodePart, NodeQuery, PeerNode, Pull, Pulled,
    Pulls, ReplicaWrite, StorageNode,
};
use crate::contract::{QueryContext, QueryError, WriteError};
use async_trait::async_trait;
use futures::stream::{self, StreamExt as _};
use std::time::Duration;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};

/// How often it is looked whether a query that waits was cancelled.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

type Client = StorageClient<InterceptedService<Channel, Speaking>>;

/// A storage node, called over the network. Cheap to clone; clones share the connection, which is made when it is first
/// needed and again when it is lost.
///
/// A call to a node that cannot be reached fails within a second or so. Writes have no deadline of their own: whoever
/// writes sets one, and dropping the call gives it up.
#[derive(Clone)]
pub struct RemoteNode {
    addr: String,
    channel: Channel,
    client: Client,
}

/// Who a node says that it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Greeting {
    pub protocol: u32,
    /// Version of its program
    pub release: String,
    pub node: NodeId,
    pub zone: String,
    pub incarnation: Incarnation,
    /// `None` before it has one
    pub cluster: Option<ClusterId>,
    /// Of the state that it has applied
    pub version: u64,
    /// The nodes that it sees while it has no cluster, itself included
    pub seen: Vec<NodeId>,
}

impl RemoteNode {
    /// The node at `host:port`. Connects nowhere yet.
    ///
    /// # Errors
    /// When the text is no address.
    pub fn new(addr: &str, credentials: Credentials) -> Result<Self, tonic::transport::Error> {
        let channel = connect_lazily(addr, credentials.tls())?;
        let client = StorageClient::with_interceptor(channel.clone(), Speaking(credentials))
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        Ok(Self {
            addr: addr.to_owned(),
            channel,
            client,
        })
    }

    /// Its `host:port`.
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// The connection, for other services of the same node.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Asks who the node is. Works with nodes of any protocol.
    ///
    /// # Errors
    /// When it cannot be reached or refuses strangers.
    pub async fn hello(&self) -> Result<Greeting, Status> {
        let request = HelloRequest { protocol: PROTOCOL };
        greeting(self.client.clone().hello(request).await?.into_inner())
    }

    /// The node's state of the cluster if it is newer than `version` (0 for none).
    ///
    /// # Errors
    /// When it cannot be reached, refuses, or sends what is no state.
    pub async fn snapshot(&self, version: u64) -> Result<Option<ClusterState>, Status> {
        let mut client = self.client.clone().max_decoding_message_size(MAX_STATE);
        let frame = opened(client.snapshot(SnapshotRequest { version }).await?)?;
        super::state_of_frame(frame).map_err(Status::data_loss)
    }

    /// The node's state of the cluster if it is newer than `version`, then each newer one, and in between frames without
    /// a state as signs of life.
    ///
    /// # Errors
    /// When it cannot be reached or refuses.
    pub async fn watch(&self, version: u64) -> Result<Streaming<StateFrame>, Status> {
        let mut client = self.client.clone().max_decoding_message_size(MAX_STATE);
        opened(client.watch(SnapshotRequest { version }).await?)
    }
}

/// What is in an answer, if the node speaks this protocol.
fn opened<T>(response: Response<T>) -> Result<T, Status> {
    check_answer(response.metadata())?;
    Ok(response.into_inner())
}

fn greeting(hello: HelloResponse) -> Result<Greeting, Status> {
    let id = |bytes: &[u8]| messages::id_of(bytes).ok_or_else(|| Status::data_loss("an id has 16 bytes"));
    Ok(Greeting {
        protocol: hello.protocol,
        release: hello.release,
        node: NodeId(hello.node),
        zone: hello.zone,
        incarnation: Incarnation(id(&hello.incarnation)?),
        cluster: match hello.cluster.is_empty() {
            true => None,
            false => Some(ClusterId(id(&hello.cluster)?)),
        },
        version: hello.version,
        seen: hello.seen.into_iter().map(NodeId).collect(),
    })
}

#[async_trait]
impl StorageNode for RemoteNode {
    async fn write(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        let frames = stream::iter(write_frames::frames(write, None)?);
        done(self.client.clone().write(frames).await)
    }

    async fn hint(&self, target: NodeId, generation: u64, write: ReplicaWrite) -> Result<(), WriteError> {
        let frames = stream::iter(write_frames::frames(write, Some((target, generation)))?);
        done(self.client.clone().hint(frames).await)
    }

    async fn mark(&self, target: NodeId) -> Result<u64, WriteError> {
        let request = MarkRequest { node: target.0 };
        let marked = answered(self.client.clone().mark(request).await)?;
        Ok(marked.generation)
    }

    async fn query(&self, query: NodeQuery, context: QueryContext) -> Result<NodeAnswers, QueryError> {
        context.check()?;
        let request = messages::query_request(&query, &context)?;
        let mut client = self.client.clone();
        let response = within(&context, client.query(request)).await?;
        let frames = response.and_then(opened).map_err(|status| status::to_query(&status))?;
        Ok(answers(frames, context).boxed())
    }
}

#[async_trait]
impl PeerNode for RemoteNode {
    async fn deliver(&self, write: ReplicaWrite) -> Result<(), WriteError> {
        let frames = stream::iter(write_frames::frames(write, None)?);
        done(self.client.clone().deliver(frames).await)
    }

    async fn hints_for(&self, target: NodeId) -> Result<HintCount, WriteError> {
        let request = HintsForRequest { node: target.0 };
        let count = answered(self.client.clone().hints_for(request).await)?;
        Ok(HintCount {
            hints: count.hints,
            bytes: count.bytes,
        })
    }

    async fn confirm_no_hints(&self, target: NodeId, generation: u64, version: u64) -> Result<bool, WriteError> {
        let request = ConfirmNoHintsRequest {
            node: target.0,
            generation,
            version,
        };
        let confirmed = answered(self.client.clone().confirm_no_hints(request).await)?;
        Ok(confirmed.none)
    }

    async fn pull(&self, pull: Pull) -> Result<Pulls, WriteError> {
        let request = pull_frames::request(&pull);
        let frames = answered(self.client.clone().pull(request).await)?;
        Ok(pulls(frames).boxed())
    }
}

fn pulls(frames: Streaming<PullFrame>) -> impl futures::Stream<Item = Result<Pulled, WriteError>> + Send {
    let incoming = Some((frames, PullAssembly::default()));
    stream::unfold(incoming, |incoming| async move {
        let (mut frames, mut assembly) = incoming?;
        loop {
            let added = match frames.message().await {
                Ok(Some(frame)) => assembly.add(frame),
                Ok(None) => return None,
                Err(status) => Err(status::to_write(&status)),
            };
            match added {
                Ok(None) => {}
                Ok(Some(pulled)) => return Some((Ok(pulled), Some((frames, assembly)))),
                Err(error) => return Some((Err(error), None)),
            }
        }
    })
}

fn answered<T>(response: Result<Response<T>, Status>) -> Result<T, WriteError> {
    response.and_then(opened).map_err(|status| status::to_write(&status))
}

fn done<T>(response: Result<Response<T>, Status>) -> Result<(), WriteError> {
    answered(response).map(|_| ())
}

/// Waits until the query's deadline, or until it is cancelled.
async fn within<T>(context: &QueryContext, work: impl Future<Output = T>) -> Result<T, QueryError> {
    tokio::pin!(work);
    loop {
        let pause = CHECK_INTERVAL.min(context.remaining() + Duration::from_millis(1));
        match tokio::time::timeout(pause, &mut work).await {
            Ok(outcome) => return Ok(outcome),
            Err(_) => context.check()?,
        }
    }
}

/// An answer on its way in. Dropping it resets the call, so that the node stops.
struct Incoming {
    frames: Streaming<AnswerFrame>,
    assembly: Assembly,
    context: QueryContext,
    ended: bool,
}

fn answers(frames: Streaming<AnswerFrame>, context: QueryContext) -> impl futures::Stream<Item = NodeItem> + Send {
    let incoming = Incoming {
        frames,
        assembly: Assembly::new(context.clone()),
        context,
        ended: false,
    };
    stream::unfold(incoming, |mut incoming| async move {
        if incoming.ended {
            return None;
        }
        let item = incoming.next().await;
        incoming.ended = !matches!(item, Ok(NodePart::Part(_)));
        Some((item, incoming))
    })
}

type NodeItem = Result<NodePart, QueryError>;

impl Incoming {
    async fn next(&mut self) -> NodeItem {
        loop {
            let frame = within(&self.context, self.frames.message()).await?;
            let frame = frame.map_err(|status| status::to_query(&status))?;
            let frame = frame.ok_or_else(|| QueryError::Unavailable("the answer broke off".to_owned()))?;
            match self.assembly.add(frame)? {
                Received::Nothing => {}
                Received::Part(part) => return part.decode().await.map(NodePart::Part),
                Received::End { in_sync } => return Ok(NodePart::End { in_sync }),
            }
        }
    }
}
