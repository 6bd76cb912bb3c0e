//! What the parts of the store work on together. The parts are `impl`s of this type in their own files, each named
//! after a step in the life of the data.

use super::chunks::ChunkStore;
use super::config::StorageConfig;
use super::damage::Damages;
use super::disk::DiskSpace;
use super::environment::Environment;
use super::failpoint::Failpoint;
use super::flush::FlushControl;
use super::hints::Hints;
use super::kept::KeptDays;
use super::live::{HeadLimits, Live};
use super::merge::MergeControl;
use super::metrics::Counters;
use super::partitions::Retired;
use super::retention::Limits;
use super::rocks::Rocks;
use super::seen::SeenRequests;
use super::sync::{Signal, Syncer};
use super::unpack::Unpacker;
use super::view::Partitions;
use super::wal::WalPacker;
use crate::engine::batch::DecodeLimits;
use crate::engine::block::BlockOptions;
use crate::engine::error::StorageError;
use common::cluster::NodeId;
use common::ids::Epoch;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use tokio::sync::{Semaphore, watch};

/// Rows of a full block. A single large message may make larger ones.
pub(crate) const BLOCK_ROWS: u32 = 65_536;

/// The epoch of what is written to a node that is alone.
pub(crate) const EPOCH: Epoch = Epoch(0);

/// The store of one node.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: StorageConfig,
    pub(crate) environment: Environment,
    pub(crate) rocks: Arc<Rocks>,
    pub(crate) chunks: Arc<ChunkStore>,
    pub(crate) live: Live,
    pub(crate) hints: Hints,
    pub(crate) seen: Arc<SeenRequests>,
    pub(crate) packer: WalPacker,
    pub(crate) unpacker: Unpacker,
    pub(crate) syncer: Syncer,
    /// Decoding and logging messages, as many at a time as there are CPUs
    pub(crate) ingest: Arc<Semaphore>,
    pub(crate) flushes: FlushControl,
    pub(crate) merges: MergeControl,
    pub(crate) maintenance: Signal,
    /// Held by whoever changes which blocks and partitions there are
    pub(crate) commit: Mutex<()>,
    /// What queries may still see though it is gone
    pub(crate) retired: Mutex<Retired>,
    pub(crate) next_block: AtomicU64,
    /// The first bucket of request ids that is stored
    pub(crate) first_seen_bucket: AtomicU64,
    pub(crate) disk: Mutex<DiskSpace>,
    pub(crate) read_only: AtomicBool,
    /// Whether headers took too much memory at the last look
    pub(crate) closed: AtomicBool,
    pub(crate) damages: Arc<Damages>,
    /// What the cluster keeps, where the store is a part of one
    pub(crate) kept: KeptDays,
    /// Why the store takes no more writes until it is opened anew
    pub(crate) failure: watch::Sender<Option<StorageError>>,
    /// There are log records that cannot be read
    pub(crate) quarantined: AtomicBool,
    /// Nodes whose hints the metrics show
    pub(crate) shown_hints: Mutex<Vec<NodeId>>,
    pub(crate) counters: Counters,
}

/// What recovery found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) partitions: Partitions,
    pub(crate) hints: Hints,
    /// The last WAL sequence whose spans are in blocks
    pub(crate) flushed: u64,
    pub(crate) next_block: u64,
    /// There are log records that cannot be read
    pub(crate) quarantined: bool,
}

impl Shared {
    pub(crate) fn new(
        config: StorageConfig,
        environment: Environment,
        rocks: Arc<Rocks>,
        chunks: Arc<ChunkStore>,
        damages: Arc<Damages>,
        found: Found,
    ) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let limits = HeadLimits {
            rows: BLOCK_ROWS as usize,
            bytes: config.storage_max_head_bytes.as_usize() / 2,
        };
        let counters = Counters::default();
        Self {
            live: Live::new(found.flushed + 1, limits, found.partitions),
            hints: found.hints,
            seen: Arc::new(SeenRequests::new(config.storage_max_seen_requests)),
            packer: WalPacker::default(),
            unpacker: Unpacker::default(),
            syncer: Syncer::default(),
            ingest: Arc::new(Semaphore::new(cpus)),
            flushes: FlushControl::new(found.flushed),
            merges: MergeControl::default(),
            maintenance: Signal::default(),
            commit: Mutex::default(),
            retired: Mutex::default(),
            next_block: found.next_block.into(),
            first_seen_bucket: AtomicU64::default(),
            disk: Mutex::default(),
            read_only: AtomicBool::default(),
            closed: AtomicBool::default(),
            shown_hints: Mutex::default(),
            damages,
            kept: KeptDays::default(),
            failure: watch::Sender::new(None),
            quarantined: found.quarantined.into(),
            counters,
            config,
            environment,
            rocks,
            chunks,
        }
    }

    pub(crate) fn retention(&self) -> Limits {
        Limits {
            retention: self.config.retention_period.as_duration(),
            future: self.config.future_retention.as_duration(),
            max_bytes: self.config.retention_max_disk_space_usage_bytes.bytes(),
            max_percent: self.config.retention_max_disk_usage_percent,
            floor: self.kept.floor(),
        }
    }

    pub(crate) fn decode_limits(&self) -> DecodeLimits {
        DecodeLimits {
            max_columns: self.config.storage_max_columns_per_block,
        }
    }

    pub(crate) fn block_options(&self) -> BlockOptions {
        BlockOptions {
            max_columns: self.config.storage_max_columns_per_block,
            ..BlockOptions::default()
        }
    }

    pub(crate) fn hit(&self, point: Failpoint) -> Result<(), StorageError> {
        self.environment.failpoints.hit(point)
    }
}
