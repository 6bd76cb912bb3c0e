//! Storage node: the engine that keeps spans, and the leaf that answers query plans over them. It knows no HTTP query
//! API and no query language.

pub mod cluster;
pub mod engine;
pub mod hints;
pub mod leaf;
pub mod node;
pub mod server;
pub mod transfer;

pub use engine::store::{Engine, StorageConfig};
