//! The engine as its users see it: open, write, look, flush, merge, shut down.

use super::config::StorageConfig;
use super::pool::WorkPool;
use super::view::View;
use crate::engine::block::Block;
use crate::engine::error::StorageError;
use async_trait::async_trait;
use common::contract::{BatchWrite, SpanSink, WriteError};
use common::ids::TenantId;
use std::sync::Arc;

/// The store of one node.
#[derive(Debug)]
pub struct Engine {
    pool: Arc<WorkPool>,
}

impl Engine {
    /// Opens the data directory, makes it if there is none, and recovers what was acknowledged. Blocks.
    pub fn open(config: StorageConfig) -> Result<Arc<Self>, StorageError> {
        config.check().map_err(StorageError::Directory)?;
        Err(StorageError::Directory("being written".into()))
    }

    /// What is stored now.
    pub fn view(&self) -> View {
        View {
            heads: Vec::new(),
            partitions: Arc::default(),
        }
    }

    /// The blocks of `view` that may hold spans of a trace, newest partition first; `hash` is the trace id's. Reads
    /// the index: call it on the query pool.
    pub fn blocks_of_trace(&self, view: &View, tenant: TenantId, hash: u64) -> Result<Vec<Arc<Block>>, StorageError> {
        let _ = (view, tenant, hash);
        Ok(Vec::new())
    }

    /// The threads that queries run on.
    pub fn query_pool(&self) -> &Arc<WorkPool> {
        &self.pool
    }

    /// Returns when all spans acknowledged before are in blocks, and RocksDB's memory is in files.
    pub async fn force_flush(&self) -> Result<(), StorageError> {
        Err(StorageError::Directory("being written".into()))
    }

    /// Merges all blocks that are worth it; returns when done.
    pub async fn force_merge(&self) -> Result<(), StorageError> {
        Err(StorageError::Directory("being written".into()))
    }

    /// Refuses further writes, syncs, and stops the background work. Heads stay in the log.
    pub async fn shutdown(&self) -> Result<(), StorageError> {
        Err(StorageError::Directory("being written".into()))
    }
}

#[async_trait]
impl SpanSink for Engine {
    async fn write(&self, _batch: BatchWrite) -> Result<(), WriteError> {
        Err(WriteError::Unavailable("being written".into()))
    }
}
