//! What storage nodes say to each other to be a cluster, over gRPC: the client and the service of `vt.v1.Raft`.

mod client;
mod messages;
mod service;

pub use client::RemotePeers;
pub use service::routes;
