//! A node's part in the moves of stored spans: it fetches what it is to become a replica of, and drops what it is no longer
//! one of. Both go by the cluster's state alone, so that they are taken up again after any crash; what decides on moves
//! is the leader's (see [`crate::cluster`]).

mod attempt;
mod config;
mod garbage;
mod metrics;
mod repair;
mod worker;

pub use config::TransferConfig;
pub use worker::Transfers;
