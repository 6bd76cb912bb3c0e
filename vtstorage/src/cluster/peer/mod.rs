//! What storage nodes ask of each other to be a cluster, as a contract: the network implements it for remote nodes, the
//! node itself for its callers, and tests over memory.

use async_trait::async_trait;
use common::cluster::{ClusterId, Command, Incarnation, NewMember, NodeId};
use std::sync::Arc;
use std::time::Duration;

use super::raft::Reply;

/// Who a node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Introduction {
    pub member: NewMember,
    /// `None` until it has come into a cluster
    pub cluster: Option<ClusterId>,
    /// The nodes without a cluster that it has seen, itself included
    pub seen: Vec<NodeId>,
    /// It holds spans from when it was a node of its own
    pub standalone: bool,
}

/// Which message of the consensus a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConsensusCall {
    Append,
    Vote,
    Snapshot,
    /// The leader is about to stop, and asks the node to stand for election; the body is empty
    TakeOver,
}

/// A message of the consensus, in the encoding of its library. It is for one node of one cluster only, whoever has the
/// address now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsensusMessage {
    pub cluster: ClusterId,
    pub target: NodeId,
    pub call: ConsensusCall,
    pub body: Vec<u8>,
}

/// A node asks the leader for a read lease. It is also the sign that the node lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseRequest {
    pub node: NodeId,
    pub incarnation: Incarnation,
    /// Of the state that it has applied
    pub version: u64,
    /// Its storage works, and it holds all that it was given
    pub healthy: bool,
}

/// Whether a lease is granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaseOutcome {
    /// For so long from when the request was sent
    Granted(Duration),
    /// The node has a mark, or is another than the cluster knows
    Denied,
    /// Only the leader grants, while it is sure to be the leader
    NotLeader,
}

/// The answer to a [`LeaseRequest`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaseReply {
    pub outcome: LeaseOutcome,
    /// The nodes that the leader has heard of lately; none if the node that asks is behind the leader's state
    pub live: Vec<NodeId>,
}

/// The answer to a command for the leader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Forwarded {
    Done(Reply),
    /// The leader's address, where it is known and another node
    NotLeader(Option<String>),
}

/// The answer to a node that would like to become a member, and is one now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Joined {
    pub cluster: ClusterId,
}

/// Why a node did not answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PeerError {
    /// It cannot be reached, or gives no answer
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// It does not want to, or cannot now
    #[error("refused: {0}")]
    Refused(String),
}

/// A storage node, as other storage nodes see it. Who calls sets the deadline.
#[async_trait]
pub trait Peer: Send + Sync + 'static {
    async fn introduce(&self) -> Result<Introduction, PeerError>;

    async fn consensus(&self, message: ConsensusMessage) -> Result<Vec<u8>, PeerError>;

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PeerError>;

    /// Only a leader carries it out; the node does not pass it on.
    async fn forward(&self, command: Command) -> Result<Forwarded, PeerError>;

    /// The node passes it on to the leader.
    async fn join(&self, member: NewMember) -> Result<Joined, PeerError>;

    /// How many hints it keeps for `target`, those that are being stored included.
    async fn hints_for(&self, target: NodeId) -> Result<u64, PeerError>;

    /// Whether it keeps no hint for `target` and takes none for the mark of `generation`: it has applied the state
    /// `version`, which closes that mark, before it looks.
    async fn confirm_no_hints(&self, target: NodeId, generation: u64, version: u64) -> Result<bool, PeerError>;
}

/// The way to nodes, by their address (`host:port`). Connections are made when they are first needed, and kept.
pub trait Peers: Send + Sync + 'static {
    fn at(&self, addr: &str) -> Arc<dyn Peer>;
}
