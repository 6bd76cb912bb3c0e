//! A copy of the data directory as it is at one moment, by hard links: it costs neither time nor space until the store
//! deletes what is in it.

use super::directory::Directory;
use super::engine::{Engine, blocking};
use super::rocks::Rocks;
use crate::engine::error::StorageError;
use rocksdb::checkpoint::Checkpoint;
use std::path::{Path, PathBuf};

impl Engine {
    /// Makes `data`, which must not exist and lie on the same file system, a directory as this store's own: with all
    /// spans that were acknowledged before the call, and perhaps some that come meanwhile.
    ///
    /// # Errors
    /// When it cannot be made, or the store is shut down.
    pub async fn checkpoint(&self, data: PathBuf) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        blocking(move || {
            shared.open()?;
            shared.rocks.checkpoint(&data)?;
            shared.rocks.directory().copy_marks(&data)
        })
        .await
    }
}

impl Rocks {
    /// What is in memory is written to files first; of the log, little is left to be copied then.
    fn checkpoint(&self, into: &Path) -> Result<(), StorageError> {
        Ok(Checkpoint::new(self.db())?.create_checkpoint(into)?)
    }
}

impl Directory {
    /// Puts the files beside RocksDB's own into a copy of them.
    fn copy_marks(&self, into: &Path) -> Result<(), StorageError> {
        let damage = Some(Self::DAMAGE).filter(|mark| self.data.join(mark).exists());
        for mark in Self::MARKS.into_iter().chain(damage) {
            let (from, to) = (self.data.join(mark), into.join(mark));
            let copied = std::fs::copy(&from, &to).and_then(|_| std::fs::File::open(&to)?.sync_all());
            copied.map_err(|e| StorageError::Directory(format!("{}: {e}", to.display())))?;
        }
        Ok(())
    }
}
