//! Snapshots: what a node holds at one moment, under a name, for backups.
//!
//! ```text
//! <storageDataPath>/snapshots/<name>/
//!   snapshot.json   when it was made, and of which cluster
//!   data/           as the node's own, by hard links
//!   meta/           the same, of a node of a cluster
//! ```
//!
//! [`restore`] makes a node's directory of a copy of it. This part knows nothing of what the directories hold.

mod config;
mod keep;
mod name;
mod record;
mod restore;
mod router;

pub use config::SnapshotConfig;
pub use keep::{ClusterPart, SnapshotError, Snapshots};
pub use name::SnapshotName;
pub use record::Record;
pub use restore::{Kind, restore};
pub use router::snapshot_router;

const RECORD: &str = "snapshot.json";
const DATA: &str = "data";
const META: &str = "meta";
