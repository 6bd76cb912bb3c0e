//! Other storage nodes, over gRPC.

use super::messages::{BadMessage, id_of, introduction_of, lease_reply_of, lease_request, raft_message, record};
use crate::cluster::peer::{
    ConsensusCall, ConsensusMessage, Forwarded, Introduction, Joined, LeaseReply, LeaseRequest, Peer, PeerError, Peers,
};
use async_trait::async_trait;
use common::cluster::{ClusterId, Command, NewMember, NodeId, PeerNode as _};
use common::contract::WriteError;
use common::rpc::proto::raft_client::RaftClient;
use common::rpc::proto::{ForwardRequest, IntroduceRequest};
use common::rpc::{Credentials, MAX_MESSAGE, RemoteNode, Speaking};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

type Client = RaftClient<InterceptedService<Channel, Speaking>>;

/// Connections by address; each is made when it is first needed, and kept.
pub struct RemotePeers {
    credentials: Credentials,
    /// The same without the cluster: who asks who a node is does not say where it belongs
    stranger: Credentials,
    by_addr: RwLock<HashMap<String, Arc<dyn Peer>>>,
}

impl RemotePeers {
    /// `credentials` are bound to the cluster once the node has one; `stranger` never are.
    pub fn new(credentials: Credentials, stranger: Credentials) -> Self {
        Self {
            credentials,
            stranger,
            by_addr: RwLock::default(),
        }
    }

    fn connect(&self, addr: &str) -> Arc<dyn Peer> {
        let node = match RemoteNode::new(addr, self.credentials.clone()) {
            Ok(node) => node,
            Err(error) => return Arc::new(Nowhere(format!("{addr}: {error}"))),
        };
        let client = |credentials: &Credentials| {
            RaftClient::with_interceptor(node.channel(), Speaking(credentials.clone()))
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE)
        };
        Arc::new(RemotePeer {
            client: client(&self.credentials),
            stranger: client(&self.stranger),
            node,
        })
    }
}

impl Peers for RemotePeers {
    fn at(&self, addr: &str) -> Arc<dyn Peer> {
        if let Some(peer) = self.by_addr.read().get(addr) {
            return peer.clone();
        }
        let mut by_addr = self.by_addr.write();
        let peer = by_addr.entry(addr.to_owned()).or_insert_with(|| self.connect(addr));
        peer.clone()
    }
}

/// One node.
struct RemotePeer {
    client: Client,
    stranger: Client,
    node: RemoteNode,
}

fn failed(status: Status) -> PeerError {
    match status.code() {
        Code::FailedPrecondition | Code::InvalidArgument | Code::Unauthenticated | Code::Unimplemented => {
            PeerError::Refused(status.message().to_owned())
        }
        _ => PeerError::Unreachable(status.to_string()),
    }
}

fn uncounted(error: WriteError) -> PeerError {
    PeerError::Unreachable(error.to_string())
}

impl From<BadMessage> for PeerError {
    fn from(error: BadMessage) -> Self {
        Self::Refused(error.to_string())
    }
}

fn bad_json(error: serde_json::Error) -> PeerError {
    PeerError::Refused(format!("bad message: {error}"))
}

#[async_trait]
impl Peer for RemotePeer {
    async fn introduce(&self) -> Result<Introduction, PeerError> {
        let answer = self.stranger.clone().introduce(IntroduceRequest {}).await;
        Ok(introduction_of(answer.map_err(failed)?.into_inner())?)
    }

    async fn consensus(&self, message: ConsensusMessage) -> Result<Vec<u8>, PeerError> {
        let (call, message) = (message.call, raft_message(message));
        let mut client = self.client.clone();
        let answer = match call {
            ConsensusCall::Append => client.append_entries(message).await,
            ConsensusCall::Vote => client.vote(message).await,
            ConsensusCall::Snapshot => client.install_snapshot(message).await,
            ConsensusCall::TakeOver => client.take_over(message).await,
        };
        Ok(answer.map_err(failed)?.into_inner().body.into())
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PeerError> {
        let answer = self.client.clone().lease(lease_request(request)).await;
        Ok(lease_reply_of(answer.map_err(failed)?.get_ref()))
    }

    async fn forward(&self, command: Command) -> Result<Forwarded, PeerError> {
        let command = serde_json::to_vec(&command).map_err(bad_json)?.into();
        let answer = self.client.clone().forward(ForwardRequest { command }).await;
        let answer = answer.map_err(failed)?.into_inner();
        match answer.reply.is_empty() {
            true => Ok(Forwarded::NotLeader(
                Some(answer.leader_addr).filter(|addr| !addr.is_empty()),
            )),
            false => serde_json::from_slice(&answer.reply)
                .map(Forwarded::Done)
                .map_err(bad_json),
        }
    }

    async fn join(&self, member: NewMember) -> Result<Joined, PeerError> {
        let answer = self.client.clone().join(record(member)).await;
        let answer = answer.map_err(failed)?.into_inner();
        Ok(Joined {
            cluster: ClusterId(id_of(&answer.cluster)?),
        })
    }

    async fn hints_for(&self, target: NodeId) -> Result<u64, PeerError> {
        let count = self.node.hints_for(target).await;
        count.map(|count| count.hints).map_err(uncounted)
    }

    async fn confirm_no_hints(&self, target: NodeId, generation: u64, version: u64) -> Result<bool, PeerError> {
        let confirmed = self.node.confirm_no_hints(target, generation, version).await;
        confirmed.map_err(uncounted)
    }
}

/// What is no address.
struct Nowhere(String);

macro_rules! unreachable_everywhere {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Peer for Nowhere {
            $(async fn $name(&self $(, _: $type)*) -> Result<$answer, PeerError> {
                Err(PeerError::Unreachable(self.0.clone()))
            })*
        }
    };
}
unreachable_everywhere! {
    introduce() -> Introduction;
    consensus(message: ConsensusMessage) -> Vec<u8>;
    lease(request: LeaseRequest) -> LeaseReply;
    forward(command: Command) -> Forwarded;
    join(member: NewMember) -> Joined;
    hints_for(target: NodeId) -> u64;
    confirm_no_hints(target: NodeId, generation: u64, version: u64) -> bool;
}
