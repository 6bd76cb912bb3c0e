//! The engine as its users see it: open, write, look, flush, merge, shut down.

use super::chunks::{CacheSizes, ChunkStore};
use super::config::StorageConfig;
use super::damage::Damages;
use super::directory::Directory;
use super::environment::Environment;
use super::failpoint::Failpoints;
use super::flush;
use super::hints::HintStore;
use super::metrics::EngineStats;
use super::pool::WorkPool;
use super::recovery;
use super::rocks::Rocks;
use super::shared::Shared;
use super::view::View;
use crate::engine::block::StoredBlock;
use crate::engine::error::StorageError;
use async_trait::async_trait;
use common::cluster::{Incarnation, Placement, ReplicaWrite};
use common::contract::{BatchWrite, SpanSink, WriteError};
use common::ids::TenantId;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// The store of one node. Dropping it stops its threads; what was acknowledged is in the log.
#[derive(Debug)]
pub struct Engine {
    pub(super) shared: Arc<Shared>,
    pool: Arc<WorkPool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the data directory, makes it if there is none, and recovers what was acknowledged. Blocks.
    pub fn open(config: StorageConfig) -> Result<Arc<Self>, StorageError> {
        let failpoints = config.debug_failpoint.as_deref().map(Failpoints::aborting);
        let failpoints = failpoints
            .transpose()
            .map_err(StorageError::Config)?
            .unwrap_or_default();
        Self::open_in(
            config,
            Environment {
                failpoints,
                ..Environment::default()
            },
        )
    }

    /// Opens the store with another clock, another disk, or steps to stop at.
    pub fn open_in(config: StorageConfig, environment: Environment) -> Result<Arc<Self>, StorageError> {
        config.check().map_err(StorageError::Config)?;
        let directory = Directory::open(&config.storage_data_path)?;
        let damages = Arc::new(Damages::open(directory.data.join(Directory::DAMAGE))?);
        let cache_bytes = config.storage_block_cache_bytes.as_usize();
        let rocks = Rocks::open(directory, cache_bytes, |day| damages.spares(day)).map_err(hopeless)?;
        let rocks = Arc::new(rocks);
        let chunks = Arc::new(ChunkStore::new(
            rocks.clone(),
            CacheSizes {
                chunks: config.storage_cache_bytes.bytes(),
                pages: config.storage_page_cache_bytes.bytes(),
                headers: config.storage_header_cache_bytes.bytes(),
            },
        ));
        let found = recovery::load(&rocks, &chunks, &damages, &config, &environment).map_err(hopeless)?;
        let pool = Arc::new(WorkPool::new("vt-query", config.query_threads()).map_err(no_thread)?);
        let shared = Arc::new(Shared::new(config, environment, rocks, chunks, damages, found));
        shared.replay().map_err(hopeless)?;
        shared.check_disk()?;
        shared.plan_all_merges();
        shared.publish();
        let engine = Arc::new(Self {
            shared,
            pool,
            threads: Mutex::default(),
        });
        engine.start("vt-flush", Shared::run_flushes)?;
        engine.start("vt-merge", Shared::run_merges)?;
        engine.start("vt-maintenance", Shared::run_maintenance)?;
        engine.start("vt-scrub", Shared::run_scrub)?;
        if engine.shared.config.storage_wal_sync != super::config::WalSync::Off {
            engine.start("vt-sync", Shared::run_syncs)?;
        }
        Ok(engine)
    }

    fn start(&self, name: &str, run: fn(&Shared)) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || run(&shared))
            .map_err(no_thread)?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// What is stored now: all that was acknowledged before, each span once.
    pub fn view(&self) -> View {
        let mut view = self.shared.live.view();
        view.keep_from(self.shared.kept.floor());
        view
    }

    /// The blocks of `view` that may hold spans of a trace, newest partition first; `hash` is the trace id's. Reads
    /// the index: call it on the query pool.
    pub fn blocks_of_trace(
        &self,
        view: &View,
        tenant: TenantId,
        hash: u64,
    ) -> Result<Vec<Arc<StoredBlock>>, StorageError> {
        self.shared.blocks_of_trace(view, tenant, hash)
    }

    /// Finds the blocks of traces for as long as it is held, also when the engine itself is gone.
    pub fn block_finder(&self) -> BlockFinder {
        BlockFinder(self.shared.clone())
    }

    /// The threads that queries run on.
    pub fn query_pool(&self) -> &Arc<WorkPool> {
        &self.pool
    }

    /// A random id of this data: another one than before means that the disk was lost or replaced.
    pub fn incarnation(&self) -> Incarnation {
        self.shared.rocks.directory().incarnation
    }

    /// Returns when the store can take no more writes until it is opened anew, and says why.
    pub async fn failed(&self) -> StorageError {
        let mut failure = self.shared.failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await;
        failed
            .ok()
            .and_then(|failure| failure.clone())
            .unwrap_or(StorageError::Closed)
    }

    /// The disk is nearly full: writes are refused.
    pub fn is_read_only(&self) -> bool {
        self.shared.read_only.load(Ordering::Relaxed)
    }

    /// It was shut down: writes are refused.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Relaxed)
    }

    /// Figures of the store now.
    pub fn stats(&self) -> EngineStats {
        self.shared.stats()
    }

    /// Returns when all spans acknowledged before are in blocks, and RocksDB's memory is in files.
    pub async fn force_flush(&self) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        let sealed = blocking(move || shared.open().map(|()| shared.live.seal())).await?;
        if let Some(upto) = sealed {
            flush::flushed(&self.shared, upto).await?;
        }
        let shared = self.shared.clone();
        blocking(move || {
            shared.purge()?;
            shared.rocks.flush_all()?;
            shared.publish();
            Ok(())
        })
        .await
    }

    /// Returns when all that was acknowledged before outlives a power cut.
    pub async fn sync(&self) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        blocking(move || shared.rocks.sync()).await
    }

    /// Merges all blocks that are worth it; returns when done.
    pub async fn force_merge(&self) -> Result<(), StorageError> {
        self.shared.open()?;
        let done = self.shared.merges.force();
        done.await.map_err(|_| StorageError::Closed)?
    }

    /// Does now what is otherwise done by the clock: free space, retention, deletion of what no query sees.
    pub async fn maintain(&self) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        blocking(move || shared.maintain(true)).await
    }

    /// Refuses further writes, syncs the log, and stops the background work. Spans that are in no block stay in the
    /// log and are replayed at the next start. Queries go on.
    pub async fn shutdown(&self) -> Result<(), StorageError> {
        let shared = self.shared.clone();
        let threads = std::mem::take(&mut *self.threads.lock());
        blocking(move || {
            stop(&shared, threads);
            shared.rocks.sync()
        })
        .await
    }
}

/// See [`Engine::block_finder`].
#[derive(Clone, Debug)]
pub struct BlockFinder(Arc<Shared>);

impl BlockFinder {
    /// As [`Engine::blocks_of_trace`].
    pub fn blocks_of_trace(
        &self,
        view: &View,
        tenant: TenantId,
        hash: u64,
    ) -> Result<Vec<Arc<StoredBlock>>, StorageError> {
        self.0.blocks_of_trace(view, tenant, hash)
    }

    /// A block could not be read: if it is for ever, it is soon put aside.
    pub fn unreadable(&self, block: &StoredBlock, why: &StorageError) {
        self.0.unreadable(block, why);
    }
}

impl Engine {
    /// Stores a node's part of clients' requests under its placement epoch; whether that is still open is for the caller
    /// to know. `slots` is the cluster's number of slots. A slot of a request is stored once, whatever the number and cut
    /// of the messages that it comes in. Spans that have grown too old are dropped.
    pub async fn write_replica(
        &self,
        write: ReplicaWrite,
        slots: u16,
        placement: &Placement,
    ) -> Result<(), WriteError> {
        self.shared.write_replica(write, slots, placement).await
    }

    /// The writes that are kept for other nodes; together they may take `max_bytes`.
    pub fn hints(&self, max_bytes: u64) -> HintStore {
        HintStore::new(self.shared.clone(), max_bytes)
    }
}

fn stop(shared: &Shared, threads: Vec<JoinHandle<()>>) {
    shared.closed.store(true, Ordering::Relaxed);
    let signals = [
        &shared.flushes.signal,
        &shared.merges.signal,
        &shared.maintenance,
        &shared.syncer.signal,
        &shared.damages.signal,
    ];
    signals.iter().for_each(|signal| signal.stop());
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the store has panicked");
        }
    }
    shared.rocks.stop_background_work();
}

impl Drop for Engine {
    fn drop(&mut self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        if !threads.is_empty() {
            stop(&self.shared, threads);
        }
    }
}

/// Damage without which the directory cannot be opened: it is not a matter of single blocks.
fn hopeless(why: StorageError) -> StorageError {
    match why.is_lasting_damage() {
        true => StorageError::Directory(format!(
            "damaged, so that it cannot be opened: {why}. Where other nodes have copies, empty the directory and start \
             again: the node is filled from them. Else restore a backup. See docs/disaster-recovery.md"
        )),
        false => why,
    }
}

fn no_thread(e: std::io::Error) -> StorageError {
    StorageError::Directory(format!("cannot start a thread: {e}"))
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| StorageError::Closed)?
}

#[async_trait]
impl SpanSink for Engine {
    async fn write(&self, batch: BatchWrite) -> Result<(), WriteError> {
        self.shared.write(batch).await
    }
}
