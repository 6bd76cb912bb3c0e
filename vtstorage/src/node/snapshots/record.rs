//! What a snapshot says of itself.

use super::{RECORD, SnapshotName};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

const FORMAT: u32 = 1;

/// The file `snapshot.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    format: u32,
    pub name: String,
    /// Milliseconds since 1970
    pub made_unix_ms: u64,
    /// The cluster that the node was a member of
    pub cluster: Option<String>,
    pub node: Option<String>,
    /// Version of the cluster's state. Equal in all snapshots of a backup, they fit together
    pub version: Option<u64>,
}

impl Record {
    pub(super) fn new(name: &SnapshotName, made_unix_ms: u64) -> Self {
        Self {
            format: FORMAT,
            name: name.to_string(),
            made_unix_ms,
            cluster: None,
            node: None,
            version: None,
        }
    }

    /// Of the snapshot in a directory.
    pub(super) fn read(directory: &Path) -> io::Result<Self> {
        let record: Self = serde_json::from_slice(&std::fs::read(directory.join(RECORD))?)?;
        match record.format {
            FORMAT => Ok(record),
            other => Err(io::Error::other(format!(
                "the snapshot has format {other}; this program knows {FORMAT}"
            ))),
        }
    }

    /// It is on the disk when this returns.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        let mut file = File::create(directory.join(RECORD))?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        File::open(directory)?.sync_all()
    }
}
