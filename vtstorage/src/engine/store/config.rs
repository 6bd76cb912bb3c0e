//! The engine's flags. It knows no other role's.

use common::config::{ByteSize, Period};
use std::path::PathBuf;

/// When written batches reach the disk itself. A killed process loses nothing in any mode; the mode decides what a
/// power cut or a crash of the operating system can take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum WalSync {
    /// At most a second of acknowledged batches.
    #[default]
    Interval,
    /// Nothing: a batch is acknowledged after an fsync, which all waiting batches share.
    Always,
    /// Whatever the operating system had not written back.
    Off,
}

/// Flags of the storage engine.
#[derive(Clone, Debug, clap::Args)]
pub struct StorageConfig {
    /// Directory of the stored spans; made if it does not exist.
    #[arg(long = "storageDataPath", default_value = "vtstorage-data")]
    pub storage_data_path: PathBuf,

    /// How long spans are kept, at least a day. A number without a unit counts months.
    #[arg(long = "retentionPeriod", default_value = "7d", value_parser = Period::parse_months)]
    pub retention_period: Period,

    /// How far in the future the start of a span may lie.
    #[arg(long = "futureRetention", default_value = "2d")]
    pub future_retention: Period,

    /// The oldest days are dropped while the data takes more disk space than this; the two newest days stay. 0: no
    /// bound. Excludes --retention.maxDiskUsagePercent.
    #[arg(long = "retention.maxDiskSpaceUsageBytes", default_value = "0")]
    pub retention_max_disk_space_usage_bytes: ByteSize,

    /// The oldest days are dropped while more than this percentage of the file system is in use; the two newest days
    /// stay. 0: no bound. Excludes --retention.maxDiskSpaceUsageBytes.
    #[arg(long = "retention.maxDiskUsagePercent", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub retention_max_disk_usage_percent: u8,

    /// Writes are refused while less than this is free on the disk, beside room for what is in memory and not written
    /// yet.
    #[arg(long = "storage.minFreeDiskSpaceBytes", default_value = "10MB")]
    pub storage_min_free_disk_space_bytes: ByteSize,

    /// When written batches are synced to the disk: each second, before each acknowledgement, or by the operating
    /// system alone.
    #[arg(long = "storage.walSync", value_enum, default_value_t = WalSync::Interval)]
    pub storage_wal_sync: WalSync,

    /// Spans are written as blocks at the latest this long after they came. It is about size, not about safety.
    #[arg(long = "storage.flushInterval", default_value = "5m")]
    pub storage_flush_interval: Period,

    /// Memory for spans that are not in blocks yet. At half of it they are written as blocks; beyond it writers wait,
    /// and are refused as overloaded in the end.
    #[arg(long = "storage.maxHeadBytes", default_value = "80MiB")]
    pub storage_max_head_bytes: ByteSize,

    /// How many request ids are remembered, so that a request that is sent again is stored once. They are kept an
    /// hour; beyond this number the oldest are forgotten earlier.
    #[arg(long = "storage.maxSeenRequests", default_value_t = 1_000_000)]
    pub storage_max_seen_requests: usize,

    /// How many partitions (days) are written at a time.
    #[arg(long = "storage.maxOpenPartitions", default_value_t = 8)]
    pub storage_max_open_partitions: usize,

    /// Memory for cached pieces of blocks, as they are stored.
    #[arg(long = "storage.cacheBytes", default_value = "32MiB")]
    pub storage_cache_bytes: ByteSize,

    /// Memory for cached pages of columns, decoded: those that trace reads and searches share.
    #[arg(long = "storage.pageCacheBytes", default_value = "64MiB")]
    pub storage_page_cache_bytes: ByteSize,

    /// Memory for cached parts of the trace index and of the files' own indexes and filters.
    #[arg(long = "storage.blockCacheBytes", default_value = "32MiB")]
    pub storage_block_cache_bytes: ByteSize,

    /// Memory for block headers: what queries must know of a block before they read it; others are read again.
    #[arg(long = "storage.headerCacheBytes", default_value = "256MiB")]
    pub storage_header_cache_bytes: ByteSize,

    /// Span names kept per service and day for lists of operations; further ones are stored but not listed.
    #[arg(long = "storage.maxNamesPerService", default_value_t = 10_000)]
    pub storage_max_names_per_service: usize,

    /// Attribute columns per block and level (span, event, link); further attribute keys share one column.
    #[arg(long = "storage.maxColumnsPerBlock", default_value_t = 1_024, value_parser = columns)]
    pub storage_max_columns_per_block: usize,

    /// How much of what is stored is read per second to look for damage, before a query meets it. 0: nothing.
    #[arg(long = "storage.scrubBytesPerSecond", default_value = "4MiB")]
    pub storage_scrub_bytes_per_second: ByteSize,

    /// Threads that work on queries; 0: one per CPU.
    #[arg(long = "storage.queryThreads", default_value_t = 0)]
    pub storage_query_threads: usize,

    /// Stops the process at a named step of writing, for tests of recovery: name, or name:hits.
    #[arg(long = "debug.failpoint", hide = true)]
    pub debug_failpoint: Option<String>,
}

/// Column numbers have 16 bits, and intrinsic fields take some.
const MAX_COLUMNS: usize = 60_000;

fn columns(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|_| format!("expected a number, got {text:?}"))?;
    match number {
        1..=MAX_COLUMNS => Ok(number),
        _ => Err(format!("expected 1 to {MAX_COLUMNS}, got {number}")),
    }
}

impl StorageConfig {
    /// What is wrong with these flags together.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.retention_period < Period::from_days(1) {
            return Err(format!(
                "--retentionPeriod={} is less than a day",
                self.retention_period
            ));
        }
        if self.retention_max_disk_space_usage_bytes.bytes() > 0 && self.retention_max_disk_usage_percent > 0 {
            return Err(
                "--retention.maxDiskSpaceUsageBytes and --retention.maxDiskUsagePercent exclude each other".into(),
            );
        }
        Ok(())
    }

    /// Threads of the query pool.
    pub(crate) fn query_threads(&self) -> usize {
        match self.storage_query_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        storage: StorageConfig,
    }

    fn parse(flags: &[&str]) -> StorageConfig {
        Flags::parse_from(std::iter::once(&"x").chain(flags)).storage
    }

    #[test]
    fn defaults_are_sound() {
        assert_eq!(parse(&[]).check(), Ok(()));
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(parse(&["--retentionPeriod=5h"]).check().is_err());
        let both = [
            "--retention.maxDiskSpaceUsageBytes=1GB",
            "--retention.maxDiskUsagePercent=80",
        ];
        assert!(parse(&both).check().is_err());
        assert!(Flags::try_parse_from(["x", "--storage.maxColumnsPerBlock=70000"]).is_err());
    }
}
