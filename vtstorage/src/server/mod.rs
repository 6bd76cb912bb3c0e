//! The node's gRPC server: what other nodes and clients of the cluster call, in front of the node's own contracts. It
//! knows messages and limits, and nothing of how spans are stored.

mod answers;
mod config;
mod pulls;
mod service;
mod states;
#[cfg(test)]
mod tests;
mod writes;

pub use config::ServerConfig;
pub use service::{Host, StorageService, routes};
