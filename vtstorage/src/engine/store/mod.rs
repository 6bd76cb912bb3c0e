//! Blocks, write-ahead log, index and catalogue in RocksDB, and their life: append → seal → flush → merge → drop.

pub mod catalogue;
pub mod config;
mod engine;
mod partition;
pub mod pool;
pub mod view;

pub use catalogue::{Catalogue, Seen, SpanName};
pub use config::{StorageConfig, WalSync};
pub use engine::Engine;
pub use pool::WorkPool;
pub use view::{HeadBatch, PartitionView, View};
