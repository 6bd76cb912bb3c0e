//! The flags of snapshots.

use std::path::PathBuf;

/// Where a node begins.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SnapshotConfig {
    /// A node without data begins with a copy of this snapshot (see docs/backup.md); one that has data goes on with it
    #[arg(long = "storage.restoreFrom", value_name = "DIR")]
    pub storage_restore_from: Option<PathBuf>,
}
