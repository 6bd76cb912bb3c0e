//! The consensus of the storage nodes over the cluster's state. Everything of the consensus library stays in here;
//! outside there is [`Consensus`].

mod consensus;
mod log;
mod machine;
mod network;
mod reply;
mod restore;
#[cfg(test)]
mod tests;
mod types;

pub(crate) use consensus::Consensus;
pub use consensus::{ConsensusConfig, ConsensusError, ConsensusView};
pub use reply::Reply;
pub(crate) use restore::put_cluster;
