//! The log of the consensus: durable on a [`MetaDisk`], and as it is short, read from memory.

use super::types::{Entry, LogId, StorageError, StorageIoError, TypeConfig, Vote};
use crate::cluster::disk::{Batch, Family, MetaDisk};
use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{AnyError, OptionalSend, RaftLogReader};
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::Arc;

/// Entries have this key prefix, followed by the index, big-endian.
const ENTRY: u8 = b'e';
const VOTE: &[u8] = b"vote";
pub(super) const PURGED: &[u8] = b"purged";

/// The log of one node. Clones share it.
#[derive(Clone)]
pub(crate) struct LogStore {
    disk: Arc<dyn MetaDisk>,
    log: Arc<RwLock<Log>>,
}

/// What is durable.
#[derive(Default)]
struct Log {
    vote: Option<Vote>,
    purged: Option<LogId>,
    entries: BTreeMap<u64, Entry>,
}

impl LogStore {
    /// Reads the log. Blocks.
    ///
    /// # Errors
    /// When the disk fails, or holds something else.
    pub(crate) fn open(disk: Arc<dyn MetaDisk>) -> io::Result<Self> {
        let mut log = Log::default();
        for (key, value) in disk.load(Family::Log)? {
            match key.as_slice() {
                VOTE => log.vote = Some(decode(&value)?),
                PURGED => log.purged = Some(decode(&value)?),
                [ENTRY, ..] => {
                    let entry: Entry = decode(&value)?;
                    log.entries.insert(entry.log_id.index, entry);
                }
                other => return Err(unknown(other)),
            }
        }
        let log = Arc::new(RwLock::new(log));
        Ok(Self { disk, log })
    }
}

pub(super) fn unknown(key: &[u8]) -> io::Error {
    io::Error::other(format!("unknown record {:?}", String::from_utf8_lossy(key)))
}

/// Records are JSON: releases that add a field read those of the one before.
pub(super) fn encode(value: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(io::Error::from)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    serde_json::from_slice(bytes).map_err(io::Error::from)
}

pub(super) fn entry_key(index: u64) -> Vec<u8> {
    let mut key = vec![ENTRY];
    key.extend(index.to_be_bytes());
    key
}

fn write_failed(error: &io::Error) -> StorageError {
    StorageIoError::write_logs(AnyError::new(error)).into()
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        let log = self.log.read();
        Ok(log.entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let log = self.log.read();
        let last = log.entries.last_key_value().map(|(_, entry)| entry.log_id);
        Ok(LogState {
            last_purged_log_id: log.purged,
            last_log_id: last.or(log.purged),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let saved = async {
            let mut batch = Batch::default();
            batch.put(Family::Log, VOTE, encode(vote)?);
            self.disk.commit(batch).await
        };
        let failed = |error: io::Error| StorageError::from(StorageIoError::write_vote(AnyError::new(&error)));
        saved.await.map_err(failed)?;
        self.log.write().vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.log.read().vote)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let mut batch = Batch::default();
        for entry in &entries {
            let value = encode(entry).map_err(|error| write_failed(&error))?;
            batch.put(Family::Log, entry_key(entry.log_id.index), value);
        }
        let committed = self.disk.commit(batch).await;
        if committed.is_ok() {
            let mut log = self.log.write();
            log.entries
                .extend(entries.into_iter().map(|entry| (entry.log_id.index, entry)));
        }
        callback.log_io_completed(committed);
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        batch.delete_range(Family::Log, entry_key(log_id.index), [ENTRY + 1]);
        self.disk.commit(batch).await.map_err(|error| write_failed(&error))?;
        self.log.write().entries.split_off(&log_id.index);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let purged = async {
            let mut batch = Batch::default();
            batch.put(Family::Log, PURGED, encode(&log_id)?);
            batch.delete_range(Family::Log, [ENTRY], entry_key(log_id.index.saturating_add(1)));
            self.disk.commit(batch).await
        };
        purged.await.map_err(|error| write_failed(&error))?;
        let mut log = self.log.write();
        log.purged = Some(log_id);
        log.entries = log.entries.split_off(&log_id.index.saturating_add(1));
        Ok(())
    }
}
