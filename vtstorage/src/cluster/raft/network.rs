//! The consensus library's messages, sent to other nodes over [`Peers`].

use super::log::{decode, encode};
use super::types::{Raft, TypeConfig};
use crate::cluster::identity::Identity;
use crate::cluster::peer::{ConsensusCall, ConsensusMessage, Peer, PeerError, Peers};
use common::cluster::{ClusterState, NodeId};
use openraft::error::{InstallSnapshotError, RPCError, RaftError, RemoteError, Unreachable};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse, VoteRequest,
    VoteResponse,
};
use openraft::{AnyError, BasicNode, RaftNetwork, RaftNetworkFactory};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a node that could not be reached is left alone.
const BACKOFF: Duration = Duration::from_millis(200);

type CallError<E> = RPCError<u64, BasicNode, E>;

/// Makes the connections to the other nodes.
pub(super) struct Network {
    pub(super) peers: Arc<dyn Peers>,
    pub(super) identity: Arc<Identity>,
    pub(super) states: watch::Receiver<Option<Arc<ClusterState>>>,
}

/// One other node.
pub(super) struct Connection {
    target: NodeId,
    /// As of when it became a member
    first_addr: String,
    peers: Arc<dyn Peers>,
    identity: Arc<Identity>,
    states: watch::Receiver<Option<Arc<ClusterState>>>,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Connection {
        Connection {
            target: NodeId(target),
            first_addr: node.addr.clone(),
            peers: self.peers.clone(),
            identity: self.identity.clone(),
            states: self.states.clone(),
        }
    }
}

impl Connection {
    /// At the address that the state knows now.
    fn peer(&self) -> Arc<dyn Peer> {
        let state = self.states.borrow().clone();
        let member = state.as_ref().and_then(|state| state.member(self.target));
        self.peers.at(member.map_or(&self.first_addr, |member| &member.addr))
    }

    async fn call<A, E>(&self, call: ConsensusCall, request: &impl Serialize) -> Result<A, CallError<E>>
    where
        A: DeserializeOwned,
        E: Error + DeserializeOwned,
    {
        let unreachable =
            |error: &(dyn Error + 'static)| RPCError::Unreachable(Unreachable::from(AnyError::from_dyn(error, None)));
        let Some(cluster) = self.identity.cluster() else {
            return Err(unreachable(&PeerError::Refused("this node has no cluster yet".into())));
        };
        let message = ConsensusMessage {
            cluster,
            target: self.target,
            call,
            body: encode(request).map_err(|error| unreachable(&error))?,
        };
        let answer = self.peer().consensus(message).await;
        let answer = answer.map_err(|error| unreachable(&error))?;
        let answer: Result<A, E> = decode(&answer).map_err(|error| unreachable(&error))?;
        answer.map_err(|error| RPCError::RemoteError(RemoteError::new(self.target.0, error)))
    }
}

impl RaftNetwork<TypeConfig> for Connection {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, CallError<RaftError<u64>>> {
        self.call(ConsensusCall::Append, &request).await
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<InstallSnapshotResponse<u64>, CallError<RaftError<u64, InstallSnapshotError>>> {
        self.call(ConsensusCall::Snapshot, &request).await
    }

    async fn vote(
        &mut self,
        request: VoteRequest<u64>,
        _option: RPCOption,
    ) -> Result<VoteResponse<u64>, CallError<RaftError<u64>>> {
        self.call(ConsensusCall::Vote, &request).await
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(BACKOFF))
    }
}

/// Answers another node's message.
///
/// # Errors
/// When it is no such message.
pub(super) async fn answer(raft: &Raft, call: ConsensusCall, body: &[u8]) -> io::Result<Vec<u8>> {
    match call {
        ConsensusCall::Append => encode(&raft.append_entries(decode(body)?).await),
        ConsensusCall::Vote => encode(&raft.vote(decode(body)?).await),
        ConsensusCall::Snapshot => encode(&raft.install_snapshot(decode(body)?).await),
        ConsensusCall::TakeOver => {
            let triggered = raft.trigger().elect().await;
            triggered.map(|()| Vec::new()).map_err(io::Error::other)
        }
    }
}
