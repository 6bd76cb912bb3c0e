//! Writing to a cluster: cuts each request by slot, coalesces what goes to the same nodes, sends it to all replicas, and
//! makes up for those that are away by marks and hints. It knows storage nodes by [`common::cluster::ClusterView`] only,
//! and neither how they are reached nor how they store.
//!
//! The decisions are pure: where a slot's spans go ([`route`]), how a request is taken apart ([`cut`](mod@cut)), what
//! outcomes mean and what is missing afterwards (`ledger`), which mark holds (`marks`), whom to leave alone (`health`).

mod coalesce;
mod config;
pub mod cut;
mod health;
mod ledger;
mod marks;
mod message;
mod metrics;
mod peers;
mod placing;
mod repair;
pub mod route;
mod sink;
#[cfg(test)]
mod tests;

pub use config::ReplicationConfig;
pub use sink::ReplicatedSink;
