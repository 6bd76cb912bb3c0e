//! The storage node as a member of a cluster: the agreement on the cluster's state, how a node comes into it, who may
//! answer reads, and how marks are lifted. It knows nothing of spans, and outside of [`grpc`]
//! nothing of sockets: other nodes are [`Peer`]s.

mod answers;
mod config;
mod core;
pub mod disk;
mod duties;
mod entry;
pub mod grpc;
mod handover;
mod hints;
mod identity;
mod lease;
mod node;
mod peer;
mod propose;
mod raft;
mod restore;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use self::core::{About, LocalStore};
pub use config::ClusterConfig;
pub use duties::MoveConfig;
pub use entry::{Names, Search, SystemNames};
pub use hints::HintPass;
pub use lease::LEASE;
pub use node::{ClusterNode, Membership};
pub use peer::{
    ConsensusCall, ConsensusMessage, Forwarded, Introduction, Joined, LeaseOutcome, LeaseReply, LeaseRequest, Peer,
    PeerError, Peers,
};
pub use propose::{Done, ProposeError};
pub use raft::{ConsensusConfig, ConsensusError, ConsensusView, Reply};
pub use restore::enter_restored;
