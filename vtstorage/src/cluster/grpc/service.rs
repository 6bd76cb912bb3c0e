//! This node's answers to other storage nodes, over gRPC.

use super::messages::{BadMessage, cluster_bytes, id_of, introduction, lease_request_of, lease_response, member_of};
use crate::cluster::peer::{ConsensusCall, ConsensusMessage, Forwarded, Peer, PeerError};
use async_trait::async_trait;
use common::cluster::{ClusterId, NodeId};
use common::rpc::MAX_MESSAGE;
use common::rpc::proto;
use common::rpc::proto::raft_server::{Raft, RaftServer};
use std::sync::Arc;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// The service `vt.v1.Raft`, answered by `peer`. It is not guarded.
pub fn routes(peer: Arc<dyn Peer>) -> Routes {
    let server = RaftServer::new(Service { peer })
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    Routes::new(server)
}

struct Service {
    peer: Arc<dyn Peer>,
}

fn refused(error: PeerError) -> Status {
    match error {
        PeerError::Refused(why) => Status::failed_precondition(why),
        PeerError::Unreachable(why) => Status::unavailable(why),
    }
}

fn bad(error: BadMessage) -> Status {
    Status::invalid_argument(error.to_string())
}

fn bad_json(error: serde_json::Error) -> Status {
    Status::invalid_argument(format!("bad message: {error}"))
}

impl Service {
    async fn pass(&self, call: ConsensusCall, message: Request<proto::RaftMessage>) -> Answer<proto::RaftAnswer> {
        let message = message.into_inner();
        let message = ConsensusMessage {
            cluster: ClusterId(id_of(&message.cluster).map_err(bad)?),
            target: NodeId(message.target),
            call,
            body: message.body.into(),
        };
        let body = self.peer.consensus(message).await.map_err(refused)?;
        Ok(Response::new(proto::RaftAnswer { body: body.into() }))
    }
}

#[async_trait]
impl Raft for Service {
    async fn introduce(&self, _: Request<proto::IntroduceRequest>) -> Answer<proto::Introduction> {
        let introduced = self.peer.introduce().await.map_err(refused)?;
        Ok(Response::new(introduction(introduced)))
    }

    async fn append_entries(&self, message: Request<proto::RaftMessage>) -> Answer<proto::RaftAnswer> {
        self.pass(ConsensusCall::Append, message).await
    }

    async fn vote(&self, message: Request<proto::RaftMessage>) -> Answer<proto::RaftAnswer> {
        self.pass(ConsensusCall::Vote, message).await
    }

    async fn install_snapshot(&self, message: Request<proto::RaftMessage>) -> Answer<proto::RaftAnswer> {
        self.pass(ConsensusCall::Snapshot, message).await
    }

    async fn take_over(&self, message: Request<proto::RaftMessage>) -> Answer<proto::RaftAnswer> {
        self.pass(ConsensusCall::TakeOver, message).await
    }

    async fn lease(&self, request: Request<proto::LeaseRequest>) -> Answer<proto::LeaseResponse> {
        let request = lease_request_of(request.get_ref()).map_err(bad)?;
        let reply = self.peer.lease(request).await.map_err(refused)?;
        Ok(Response::new(lease_response(reply)))
    }

    async fn forward(&self, request: Request<proto::ForwardRequest>) -> Answer<proto::ForwardResponse> {
        let command = serde_json::from_slice(&request.get_ref().command).map_err(bad_json)?;
        let mut response = proto::ForwardResponse::default();
        match self.peer.forward(command).await.map_err(refused)? {
            Forwarded::Done(reply) => response.reply = serde_json::to_vec(&reply).map_err(bad_json)?.into(),
            Forwarded::NotLeader(addr) => response.leader_addr = addr.unwrap_or_default(),
        }
        Ok(Response::new(response))
    }

    async fn join(&self, request: Request<proto::NodeRecord>) -> Answer<proto::JoinResponse> {
        let member = member_of(request.into_inner()).map_err(bad)?;
        let joined = self.peer.join(member).await.map_err(refused)?;
        let cluster = cluster_bytes(joined.cluster).into();
        Ok(Response::new(proto::JoinResponse { cluster }))
    }
}
