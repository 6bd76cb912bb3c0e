//! The network between nodes: gRPC services on each storage node's one port, and their clients. It turns contracts
//! into messages and back; what a call means is said where the contract is ([`crate::cluster`]).

pub mod proto;
