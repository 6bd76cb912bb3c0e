//! What the store counts and shows. Names are those of VictoriaTraces where it has the figure.

use super::disk::DiskSpace;
use super::shared::Shared;
use common::cluster::{HintCount, NodeId};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A counter of the metrics that the store can also read.
#[derive(Debug)]
pub(crate) struct Counter {
    name: &'static str,
    count: AtomicU64,
}

impl Counter {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            count: AtomicU64::new(0),
        }
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, n: u64) {
        if n > 0 {
            self.count.fetch_add(n, Ordering::Relaxed);
            metrics::counter!(self.name).increment(n);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident = $name:literal: $help:literal,)*) => {
        /// All counters of a store.
        #[derive(Debug)]
        pub(crate) struct Counters {
            $($(#[$doc])* pub(crate) $field: Counter,)*
        }

        impl Default for Counters {
            fn default() -> Self {
                $(metrics::describe_counter!($name, $help);
                metrics::counter!($name).increment(0);)*
                Self { $($field: Counter::new($name),)* }
            }
        }
    };
}

counters! {
    repeated_requests = "vt_repeated_requests_total": "requests that were acknowledged again without being stored again",
    overloaded_writes = "vt_overloaded_writes_total": "batches refused because spans came faster than they were written",
    flushes = "vt_flushes_total": "heads written as blocks",
    flush_failures = "vt_flush_failures_total": "attempts to write a head as blocks that failed",
    merges = "vt_merges_total": "merges of blocks",
    merged_rows = "vt_rows_merged_total": "spans rewritten by merges",
    merge_failures = "vt_merge_failures_total": "merges that failed",
    refused_names = "vt_catalogue_names_refused_total": "span names beyond --storage.maxNamesPerService, once per flush",
    expired_rows = "vt_rows_expired_total": "spans that had grown too old when they were to be written as blocks",
    dropped_partitions = "vt_partitions_dropped_total": "partitions dropped by retention",
    quarantined_records = "vt_quarantined_records_total": "log records that could not be read and were put aside",
    damaged_blocks = "vt_damaged_blocks_total": "blocks that were found damaged and put aside",
    repaired_blocks = "vt_repaired_blocks_total": "damaged blocks whose spans were fetched from replicas",
    scrubbed_bytes = "vt_scrub_bytes_total": "bytes of blocks and indexes that were read to look for damage",
    scrubs = "vt_scrub_passes_total": "how often all that is stored was looked at for damage",
    stored_hints = "vt_hints_stored_total": "writes kept for nodes that were away",
    delivered_hints = "vt_hints_delivered_total": "hints that their nodes have taken",
    unreadable_hints = "vt_hints_unreadable_total": "hints that cannot be read: their nodes stay out of sync",
    refused_hints = "vt_hints_refused_total": "hints refused because of --cluster.maxHintBytes",
    sync_failures = "vt_wal_sync_failures_total": "failed syncs of the log",
}

/// Figures of the store at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EngineStats {
    pub partitions: usize,
    pub blocks: usize,
    /// Spans in blocks
    pub rows: u64,
    /// About the memory of block headers, and of what is known of the other blocks
    pub header_bytes: usize,
    /// Spans not in blocks yet
    pub head_rows: usize,
    /// Memory of these
    pub head_bytes: usize,
    /// Log records of these
    pub wal_bytes: u64,
    /// Files of chunks, and of headers, index and catalogue
    pub chunk_bytes: u64,
    pub index_bytes: u64,
    /// Memory of RocksDB's memtables
    pub memtable_bytes: u64,
    pub cached_bytes: u64,
    pub seen_requests: usize,
    pub active_merges: usize,
    pub pending_merges: usize,
    pub merges: u64,
    pub disk: DiskSpace,
    pub read_only: bool,
}

impl Shared {
    pub(crate) fn stats(&self) -> EngineStats {
        let (partitions, heads) = (self.live.partitions(), self.live.head_stats());
        let blocks = || partitions.values().flat_map(|view| &view.blocks);
        let (active_merges, pending_merges) = self.merges.counts();
        let size = |name: &str| self.rocks.family_size(name);
        EngineStats {
            partitions: partitions.len(),
            blocks: blocks().count(),
            rows: blocks().map(|block| u64::from(block.summary.rows)).sum(),
            head_rows: heads.rows,
            head_bytes: heads.bytes,
            wal_bytes: heads.wal_bytes,
            chunk_bytes: partitions.values().map(|view| size(&view.partition.chunks)).sum(),
            index_bytes: partitions.values().map(|view| size(&view.partition.index)).sum(),
            memtable_bytes: self.rocks.memtable_size(),
            cached_bytes: self.chunks.cached_bytes(),
            seen_requests: self.seen.len(),
            header_bytes: self.chunks.header_bytes() + blocks().map(|block| block.summary.size()).sum::<usize>(),
            active_merges,
            pending_merges,
            merges: self.counters.merges.get(),
            disk: *self.disk.lock(),
            read_only: self.read_only.load(Ordering::Relaxed),
        }
    }

    /// Sets the gauges.
    pub(crate) fn publish(&self) {
        let stats = self.stats();
        let gauge = |name: &'static str, value: f64| metrics::gauge!(name).set(value);
        gauge("vt_partitions", stats.partitions as f64);
        gauge("vt_storage_blocks", stats.blocks as f64);
        gauge("vt_storage_rows", stats.rows as f64);
        gauge("vt_head_spans", stats.head_rows as f64);
        gauge("vt_head_bytes", stats.head_bytes as f64);
        gauge("vt_wal_bytes", stats.wal_bytes as f64);
        gauge("vt_header_bytes", stats.header_bytes as f64);
        gauge("vt_memtable_bytes", stats.memtable_bytes as f64);
        gauge("vt_cache_bytes", stats.cached_bytes as f64);
        gauge("vt_seen_requests", stats.seen_requests as f64);
        gauge("vt_damaged_blocks", self.damages.count() as f64);
        self.publish_hints();
        gauge("vt_free_disk_space_bytes", stats.disk.free as f64);
        gauge("vt_total_disk_space_bytes", stats.disk.total as f64);
        gauge("vt_storage_is_read_only", f64::from(u8::from(stats.read_only)));
        metrics::gauge!("vt_data_size_bytes", "type" => "storage").set(stats.chunk_bytes as f64);
        metrics::gauge!("vt_data_size_bytes", "type" => "indexdb").set(stats.index_bytes as f64);
    }
}

impl Shared {
    /// Nodes that there are hints for now, and those that there were.
    fn publish_hints(&self) {
        let now = (self.environment.now)();
        let mut shown = self.shown_hints.lock();
        let targets = self.hints.targets();
        let gone = std::mem::take(&mut *shown).into_iter();
        for node in gone.filter(|node| targets.iter().all(|(target, _, _)| target != node)) {
            show_hints(node, HintCount::default(), 0.0);
        }
        for (node, count, oldest) in targets {
            let age = Duration::from_nanos(now.0.saturating_sub(oldest.0));
            show_hints(node, count, age.as_secs_f64());
            shown.push(node);
        }
    }
}

fn show_hints(node: NodeId, count: HintCount, age: f64) {
    let gauge = |name: &'static str, value: f64| metrics::gauge!(name, "node" => node.to_string()).set(value);
    gauge("vt_hints", count.hints as f64);
    gauge("vt_hint_bytes", count.bytes as f64);
    gauge("vt_hint_age_seconds", age);
}
