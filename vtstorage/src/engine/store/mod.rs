//! Blocks, write-ahead log, index and catalogue in RocksDB, and their life: append → seal → flush → merge → drop.
//!
//! `directory`, `rocks`, `keys`, `wal` and `partition` say what stands on the disk; `live` and `view` hold what
//! queries see; `append` (of a client's request) and `replica` (of a node's part of some), `flush`, `merge`, `partitions`, `maintenance` and `recovery` are the steps of the data's life,
//! over `shared`; `discard` drops what a node no longer has to keep, `damage` puts aside what cannot be read; `merge_plan`, `retention` and `disk` decide without touching anything.

mod append;
pub mod catalogue;
mod checkpoint;
mod chunks;
pub mod config;
mod cut;
mod damage;
mod directory;
mod discard;
pub mod disk;
mod engine;
pub mod environment;
pub mod failpoint;
mod flush;
mod hints;
mod index;
mod kept;
mod keys;
mod live;
mod maintenance;
mod merge;
mod merge_plan;
mod metrics;
mod partition;
mod partitions;
pub mod pool;
mod recovery;
mod replica;
mod retention;
mod rocks;
mod seen;
mod shared;
mod slots;
mod sync;
mod unpack;
pub mod view;
mod wal;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, Seen, SpanName};
pub use config::{StorageConfig, WalSync};
pub use damage::Damaged;
pub use engine::{BlockFinder, Engine};
pub use environment::Environment;
pub use failpoint::{Failpoint, Failpoints};
pub use hints::{Hint, HintStore};
pub use metrics::EngineStats;
pub use pool::WorkPool;
pub use view::{HeadBatch, PartitionView, View};
