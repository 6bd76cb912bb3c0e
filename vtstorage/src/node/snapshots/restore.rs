//! A node's directory out of a snapshot.

use super::{DATA, META, Record};
use crate::cluster::disk::RocksDisk;
use crate::cluster::enter_restored;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// What is not finished.
const RESTORING: &str = "restoring";

/// What the node is that begins with a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// On its own
    Single,
    /// Of a cluster. All nodes of a backup become nodes of a cluster with another id, and keep their own ones
    Member,
}

/// Copies the snapshot in `from` into `path`, the `--storageDataPath` of a node that has no data yet; says so and does
/// nothing if it has. It is there whole or not at all. To be called before anything there is opened.
///
/// # Errors
/// When it cannot be read or copied, or is that of another kind of node.
pub async fn restore(path: &Path, from: &Path, kind: Kind) -> io::Result<()> {
    if path.join(DATA).try_exists()? {
        tracing::info!(path = %path.display(), "there is data already: nothing is restored");
        return Ok(());
    }
    let (restoring, meta) = (path.join(RESTORING), path.join(META));
    // With what is half restored, the metadata may have moved already.
    if meta.try_exists()? && !restoring.try_exists()? {
        return Err(io::Error::other(format!("{} is there, but no data", meta.display())));
    }
    let record = Record::read(from).map_err(|error| named(from, &error))?;
    if kind == Kind::Single && record.cluster.is_some() {
        return Err(io::Error::other("the snapshot holds a part of a cluster's spans"));
    }
    let source = from.to_owned();
    let target = restoring.clone();
    tokio::task::spawn_blocking(move || fetch(&source, &target)).await??;
    if record.cluster.is_some() {
        let disk = RocksDisk::open(&restoring.join(META))?;
        let (old, new) = enter_restored(&disk, &record.name).await?;
        tracing::info!(%old, %new, "the node goes on in another cluster");
    }
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || move_in(&restoring, &path)).await??;
    tracing::info!(name = record.name, from = %from.display(), "restored a snapshot");
    Ok(())
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A copy, not links: both go on being written.
fn fetch(from: &Path, target: &Path) -> io::Result<()> {
    if target.try_exists()? {
        fs::remove_dir_all(target)?;
    }
    fs::create_dir_all(target)?;
    for part in [DATA, META] {
        let source = from.join(part);
        if source.try_exists()? {
            copy(&source, &target.join(part)).map_err(|error| named(&source, &error))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        fs::copy(entry.path(), &target)?;
        File::open(&target)?.sync_all()?;
    }
    File::open(to)?.sync_all()
}

/// Data last: where it is, all is.
fn move_in(restoring: &Path, path: &Path) -> io::Result<()> {
    for part in [META, DATA] {
        let (from, to) = (restoring.join(part), path.join(part));
        if from.try_exists()? {
            if to.try_exists()? {
                fs::remove_dir_all(&to)?;
            }
            fs::rename(from, to)?;
        }
        File::open(path)?.sync_all()?;
    }
    fs::remove_dir_all(restoring)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::snapshots::SnapshotName;

    fn snapshot(at: &Path, cluster: Option<&str>) {
        let name: SnapshotName = "monday".parse().unwrap();
        fs::create_dir_all(at.join(DATA)).unwrap();
        fs::write(at.join("data/CURRENT"), "a").unwrap();
        let mut record = Record::new(&name, 1);
        record.cluster = cluster.map(str::to_owned);
        record.write(at).unwrap();
    }

    #[tokio::test]
    async fn what_was_half_restored_is_restored_anew() {
        let root = tempfile::tempdir().unwrap();
        let (from, path) = (root.path().join("from"), root.path().join("node"));
        snapshot(&from, None);
        fs::create_dir_all(path.join("restoring/data")).unwrap();
        fs::write(path.join("restoring/data/half"), "b").unwrap();
        restore(&path, &from, Kind::Member).await.unwrap();
        assert_eq!(fs::read_to_string(path.join("data/CURRENT")).unwrap(), "a");
        assert!(!path.join("data/half").exists() && !path.join(RESTORING).exists());
    }

    #[tokio::test]
    async fn what_is_there_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let (from, path) = (root.path().join("from"), root.path().join("node"));
        snapshot(&from, None);
        fs::create_dir_all(path.join(DATA)).unwrap();
        restore(&path, &from, Kind::Single).await.unwrap();
        assert!(!path.join("data/CURRENT").exists());
        fs::rename(path.join(DATA), path.join(META)).unwrap();
        let refused = restore(&path, &from, Kind::Member).await.unwrap_err().to_string();
        assert!(refused.ends_with("is there, but no data"), "{refused}");
    }

    #[tokio::test]
    async fn what_is_no_snapshot_or_a_part_of_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let (from, path) = (root.path().join("from"), root.path().join("node"));
        let refused = restore(&path, &from, Kind::Single).await.unwrap_err().to_string();
        assert!(refused.contains("from"), "{refused}");
        snapshot(&from, Some("c0ffee"));
        let refused = restore(&path, &from, Kind::Single).await.unwrap_err().to_string();
        assert!(refused.contains("a part of a cluster's spans"), "{refused}");
        assert!(!path.join(DATA).exists());
    }
}
