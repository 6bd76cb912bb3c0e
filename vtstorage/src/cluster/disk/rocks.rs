//! The durable store on a RocksDB of its own. One thread writes; batches that wait while it syncs share the next sync.

use super::{Batch, Change, Family, MetaDisk, Record};
use async_trait::async_trait;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    ColumnFamilyDescriptor, DBWithThreadMode, IteratorMode, MultiThreaded, Options, WriteBatch, WriteOptions,
};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Db = DBWithThreadMode<MultiThreaded>;

/// A batch and who waits for it.
struct Job {
    batch: Batch,
    done: oneshot::Sender<io::Result<()>>,
}

/// A directory with a RocksDB. Dropping it waits for what is being written.
pub struct RocksDisk {
    db: Arc<Db>,
    /// `None` while it is dropped
    jobs: Option<Mutex<Sender<Job>>>,
    writer: Option<JoinHandle<()>>,
}

impl fmt::Debug for RocksDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksDisk").field("path", &self.db.path()).finish()
    }
}

impl RocksDisk {
    /// Opens a directory, or makes it. Blocks.
    ///
    /// # Errors
    /// When it cannot be opened, or another process has it open.
    pub fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let families = Family::ALL.map(|family| ColumnFamilyDescriptor::new(family.name(), small()));
        let db = Db::open_cf_descriptors(&options()?, path, families).map_err(io::Error::other)?;
        let db = Arc::new(db);
        let (jobs, taken) = mpsc::channel();
        let writing = db.clone();
        let writer = std::thread::Builder::new()
            .name("vt-meta".into())
            .spawn(move || write_jobs(&writing, &taken))?;
        Ok(Self {
            db,
            jobs: Some(Mutex::new(jobs)),
            writer: Some(writer),
        })
    }

    /// Makes `into`, which must not exist and lie on the same file system, a directory as this one is now. Blocks.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn checkpoint(&self, into: &Path) -> io::Result<()> {
        let checkpoint = Checkpoint::new(&*self.db).map_err(io::Error::other)?;
        checkpoint.create_checkpoint(into).map_err(io::Error::other)
    }
}

impl Drop for RocksDisk {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of the cluster's metadata has panicked");
        }
    }
}

#[async_trait]
impl MetaDisk for RocksDisk {
    fn load(&self, family: Family) -> io::Result<Vec<Record>> {
        let family = handle(&self.db, family)?;
        let records = self.db.iterator_cf(&family, IteratorMode::Start);
        let records = records.map(|record| record.map(|(key, value)| (key.into_vec(), value.into_vec())));
        records.collect::<Result<_, _>>().map_err(io::Error::other)
    }

    async fn commit(&self, batch: Batch) -> io::Result<()> {
        let (done, written) = oneshot::channel();
        let sent = self.jobs.as_ref().map(|jobs| {
            let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.send(Job { batch, done })
        });
        match sent {
            Some(Ok(())) => written.await.unwrap_or_else(|_| Err(gone())),
            _ => Err(gone()),
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the writer of the cluster's metadata has ended")
}

/// Metadata is small: little memory, few files.
fn options() -> io::Result<Options> {
    // Preallocated space of logs would be most of what a small node takes on disk.
    let options = small().get_options_from_string("allow_fallocate=false");
    let mut options = options.map_err(io::Error::other)?;
    options.set_manifest_preallocation_size(64 << 10);
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_total_wal_size(8 << 20);
    options.set_keep_log_file_num(2);
    options.set_max_open_files(64);
    options.set_paranoid_checks(true);
    Ok(options)
}

fn small() -> Options {
    let mut options = Options::default();
    options.set_write_buffer_size(2 << 20);
    options.set_max_write_buffer_number(2);
    options
}

/// Runs until nobody can send any more. After an error every job gets it.
fn write_jobs(db: &Db, jobs: &Receiver<Job>) {
    let mut failed: Option<String> = None;
    while let Ok(first) = jobs.recv() {
        let waiting: Vec<Job> = std::iter::once(first).chain(jobs.try_iter()).collect();
        if failed.is_none() {
            failed = write(db, &waiting).err().map(|error| error.to_string());
        }
        for job in waiting {
            let result = failed
                .as_ref()
                .map_or(Ok(()), |error| Err(io::Error::other(error.clone())));
            // Who does not wait any more needs no answer.
            let _ = job.done.send(result);
        }
    }
}

fn write(db: &Db, jobs: &[Job]) -> io::Result<()> {
    let mut written = WriteBatch::default();
    for change in jobs.iter().flat_map(|job| &job.batch.changes) {
        match change {
            Change::Put(family, key, value) => written.put_cf(&handle(db, *family)?, key, value),
            Change::DeleteRange(family, from, to) => written.delete_range_cf(&handle(db, *family)?, from, to),
        }
    }
    let mut options = WriteOptions::default();
    options.set_sync(true);
    db.write_opt(written, &options).map_err(io::Error::other)
}

fn handle(db: &Db, family: Family) -> io::Result<Arc<rocksdb::BoundColumnFamily<'_>>> {
    db.cf_handle(family.name())
        .ok_or_else(|| io::Error::other(format!("no column family {}", family.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_committed_is_there_after_opening_again() {
        let root = tempfile::tempdir().unwrap();
        let disk = RocksDisk::open(root.path()).unwrap();
        let mut batch = Batch::default();
        for key in 0..5_u8 {
            batch.put(Family::Log, [key], vec![key; 3]);
        }
        batch.put(Family::Node, *b"id", b"x".to_vec());
        disk.commit(batch).await.unwrap();
        let mut batch = Batch::default();
        batch.delete_range(Family::Log, [1], [4]);
        disk.commit(batch).await.unwrap();
        drop(disk);
        let disk = RocksDisk::open(root.path()).unwrap();
        let keys = |family| -> Vec<Vec<u8>> { disk.load(family).unwrap().into_iter().map(|(key, _)| key).collect() };
        assert_eq!(keys(Family::Log), [[0], [4]]);
        assert_eq!(keys(Family::Node), [b"id".to_vec()]);
        assert!(keys(Family::State).is_empty());
    }

    #[tokio::test]
    async fn little_metadata_takes_little_disk() {
        use std::os::unix::fs::MetadataExt as _;
        let root = tempfile::tempdir().unwrap();
        let disk = RocksDisk::open(root.path()).unwrap();
        let mut batch = Batch::default();
        batch.put(Family::Log, [1], vec![1]);
        disk.commit(batch).await.unwrap();
        let files = std::fs::read_dir(root.path()).unwrap();
        let taken: u64 = files.map(|file| file.unwrap().metadata().unwrap().blocks() * 512).sum();
        assert!(taken < 1 << 20, "{taken} bytes");
    }

    #[tokio::test]
    async fn batches_that_wait_together_are_all_written() {
        let root = tempfile::tempdir().unwrap();
        let disk = RocksDisk::open(root.path()).unwrap();
        let commits = (0..50_u8).map(|key| {
            let mut batch = Batch::default();
            batch.put(Family::Log, [key], vec![key]);
            disk.commit(batch)
        });
        for done in futures::future::join_all(commits).await {
            done.unwrap();
        }
        assert_eq!(disk.load(Family::Log).unwrap().len(), 50);
    }
}
