//! The network between nodes: gRPC services on each storage node's one port, and their clients. It turns contracts
//! into messages and back; what a call means is said where the contract is ([`crate::cluster`]).
//!
//! A client has [`RemoteNode`]s, mostly from a [`RemoteView`]; a server passes what it gets through [`guarded`], and
//! uses [`answer_frames`], [`write_frames`], [`messages`] and [`status`] to speak the same language.

pub mod answer_frames;
mod channel;
mod config;
mod credentials;
mod guard;
pub mod messages;
mod node;
mod nodes;
pub mod proto;
pub mod pull_frames;
mod state;
pub mod status;
#[cfg(test)]
mod tests;
mod view;
pub mod write_frames;

pub use channel::connect_lazily;
pub use config::{SecretConfig, SecretError, StorageNodesConfig};
pub use credentials::{Credentials, PROTOCOL, Secret, Speaking};
pub use guard::guarded;
pub use node::{Greeting, RemoteNode};
pub use nodes::Nodes;
pub use state::{state_frame, state_of_frame};
pub use view::RemoteView;

/// The most bytes of a message.
pub const MAX_MESSAGE: usize = 4 << 20;

/// The most bytes of a payload's piece in one message: what remains is for its head.
pub const MAX_PIECE: usize = 2 << 20;

/// The most bytes of a message with a state: it is not cut.
pub const MAX_STATE: usize = 64 << 20;
