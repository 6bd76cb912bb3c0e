//! Queries over a cluster of storage nodes: who is asked for what, what of their answers counts, and who is asked
//! instead when a node fails in the middle. It knows no connections: nodes come from a
//! [`ClusterView`](common::cluster::ClusterView).
//!
//! `source` is the entrance; `ranking` is the first step of a search; `shares` asks for quantiles; `reading` sees one plan
//! through until all of its scope is read once; `attempt` is one node's answer; `held` keeps that back until it counts, and `delivered` remembers what was let go before; `weight` says how
//! much memory an answer takes; `health` knows which nodes are worth asking.

mod attempt;
mod delivered;
mod health;
mod held;
mod ranking;
mod reading;
mod shares;
mod source;
#[cfg(test)]
mod tests;
mod weight;

pub use source::ClusterSource;
