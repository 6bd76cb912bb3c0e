//! A node's snapshots: made, listed, deleted.

use super::name::NoSnapshotName;
use super::{DATA, META, Record, SnapshotName};
use crate::cluster::ClusterNode;
use crate::cluster::disk::RocksDisk;
use crate::engine::error::StorageError;
use crate::engine::store::Engine;
use common::time::UnixNanos;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is not finished; no name begins so.
const MAKING: &str = ".making";
const DELETING: &str = ".deleting";
/// How often a snapshot is begun anew because the cluster's state has changed meanwhile.
const ATTEMPTS: usize = 5;

/// Why there is no such snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Name(#[from] NoSnapshotName),
    #[error("there is a snapshot {0} already")]
    Exists(SnapshotName),
    #[error("there is no snapshot {0}")]
    Unknown(SnapshotName),
    #[error("the cluster's state changes all the time")]
    Unsettled,
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What a node of a cluster keeps beside its data.
#[derive(Clone)]
pub struct ClusterPart {
    pub disk: Arc<RocksDisk>,
    pub node: Arc<ClusterNode>,
}

/// The snapshots of one node.
pub struct Snapshots {
    engine: Arc<Engine>,
    of_cluster: Option<ClusterPart>,
    folder: PathBuf,
    /// One change at a time
    changing: tokio::sync::Mutex<()>,
}

impl Snapshots {
    /// `path` is the node's `--storageDataPath`; a node without `of_cluster` is on its own.
    pub fn new(path: &Path, engine: Arc<Engine>, of_cluster: Option<ClusterPart>) -> Self {
        Self {
            engine,
            of_cluster,
            folder: path.join("snapshots"),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Makes a snapshot of all that was acknowledged before the call; without a name, under one of its own.
    ///
    /// # Errors
    /// When there is one of this name, or it cannot be made.
    pub async fn create(&self, name: Option<SnapshotName>) -> Result<Record, SnapshotError> {
        let _changing = self.changing.lock().await;
        let name = name.unwrap_or_else(|| SnapshotName::of_time(UnixNanos::now()));
        let path = self.folder.join(name.as_str());
        let making = self.folder.join(MAKING);
        for _ in 0..ATTEMPTS {
            let (clear, taken) = (making.clone(), path.clone());
            if blocking(move || begin(&clear, &taken)).await? {
                return Err(SnapshotError::Exists(name));
            }
            let before = self.record(&name);
            self.engine.checkpoint(making.join(DATA)).await?;
            if let Some(of_cluster) = &self.of_cluster {
                let (disk, meta) = (of_cluster.disk.clone(), making.join(META));
                blocking(move || disk.checkpoint(&meta)).await?;
            }
            // Data under one placement with metadata of another would not fit.
            if self.record(&name).version == before.version {
                let record = before.clone();
                blocking(move || finish(&before, &making, &path)).await?;
                tracing::info!(%name, "made a snapshot");
                return Ok(record);
            }
        }
        Err(SnapshotError::Unsettled)
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn list(&self) -> Result<Vec<Record>, SnapshotError> {
        let folder = self.folder.clone();
        Ok(blocking(move || list(&folder)).await?)
    }

    /// Gives up a snapshot, and the space that only it still takes.
    ///
    /// # Errors
    /// When there is none of this name, or it cannot be deleted.
    pub async fn delete(&self, name: SnapshotName) -> Result<(), SnapshotError> {
        let _changing = self.changing.lock().await;
        let (path, deleting) = (self.folder.join(name.as_str()), self.folder.join(DELETING));
        if !blocking(move || delete(&path, &deleting)).await? {
            return Err(SnapshotError::Unknown(name));
        }
        tracing::info!(%name, "deleted a snapshot");
        Ok(())
    }

    fn record(&self, name: &SnapshotName) -> Record {
        let mut record = Record::new(name, UnixNanos::now().0 / 1_000_000);
        let Some(ClusterPart { node, .. }) = &self.of_cluster else {
            return record;
        };
        record.cluster = node.cluster().map(|id| id.to_string());
        record.node = Some(node.id().to_string());
        record.version = node.state().map(|state| state.version);
        record
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::from)?
}

/// Makes an empty directory for what comes, unless the place that it shall have is taken: whether it is.
fn begin(making: &Path, path: &Path) -> io::Result<bool> {
    if path.try_exists()? {
        return Ok(true);
    }
    remove(making)?;
    fs::create_dir_all(making).map(|()| false)
}

/// Gives a snapshot its name, once it is on the disk.
fn finish(record: &Record, making: &Path, path: &Path) -> io::Result<()> {
    record.write(making)?;
    fs::rename(making, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn list(folder: &Path) -> io::Result<Vec<Record>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut records = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_name = |name: &str| name.parse::<SnapshotName>().is_ok();
        if entry.file_name().to_str().is_some_and(is_name) {
            records.push(Record::read(&entry.path())?);
        }
    }
    records.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(records)
}

/// Whether there was one. It has no name any more when its files begin to go.
fn delete(path: &Path, deleting: &Path) -> io::Result<bool> {
    remove(deleting)?;
    match fs::rename(path, deleting) {
        Ok(()) => remove(deleting).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
