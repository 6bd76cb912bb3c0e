//! RocksDB as the store uses it: column families and their options, writes, the flush to files. It knows keys and
//! values as bytes only.
//!
//! Blocks are compressed by their own codecs, written once and deleted whole: their family compresses nothing and is
//! never compacted for its own sake. Index keys are small and many: theirs is compressed and merged by size.

use super::directory::Directory;
use super::keys;
use super::partition::Partition;
use crate::engine::error::StorageError;
use parking_lot::RwLock;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BlockBasedTablePinningTier, BoundColumnFamily, Cache,
    ColumnFamilyDescriptor, DB, DBCompactionStyle, DBCompressionType, FlushOptions, LogLevel, LruCacheOptions, Options,
    SliceTransform, UniversalCompactOptions, WriteBatch, WriteOptions,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Column family of accepted messages.
pub(crate) const WAL: &str = "wal";
/// Column family of accepted request ids.
pub(crate) const SEEN: &str = "seen";
/// Column family of WAL records that cannot be read.
pub(crate) const QUARANTINE: &str = "quarantine";
/// Column family of writes that are kept for other nodes.
pub(crate) const HINTS: &str = "hints";
/// Column family of what must be known of these at the start.
pub(crate) const HINT_INDEX: &str = "hint_index";
/// Column family of everything else that belongs to no day.
pub(crate) const META: &str = "default";

const FIXED: [&str; 6] = [META, WAL, SEEN, QUARANTINE, HINTS, HINT_INDEX];

/// Least and greatest number of files that RocksDB holds open; each takes some 10 KiB.
const OPEN_FILES: (i32, i32) = (256, 4_096);
/// The block cache has two to the power of this shards.
const CACHE_SHARD_BITS: i32 = 2;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Memtables of all families together.
const WRITE_BUFFERS: usize = 64 * MIB;
/// RocksDB's own log.
const MAX_LOG: u64 = 64 * MIB as u64;
/// Memtable of the WAL family from which on [`Rocks::trim_wal`] may flush it, and at which it does.
const WAL_MEMTABLE: (u64, u64) = (8 * MIB as u64, 32 * MIB as u64);

/// An open RocksDB.
pub(crate) struct Rocks {
    db: DB,
    cache: Cache,
    directory: Directory,
    /// Families of partitions
    partitions: RwLock<BTreeSet<String>>,
    /// It takes no writes any more, as it has met a damaged file on its own
    stopped: AtomicBool,
}

impl std::fmt::Debug for Rocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rocks")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl Rocks {
    /// Opens or makes the database in `directory`, with all families that are in it. The files of days that `spares`
    /// holds for are not compacted.
    pub(crate) fn open(
        directory: Directory,
        cache_bytes: usize,
        spares: impl Fn(u32) -> bool,
    ) -> Result<Self, StorageError> {
        let cache = block_cache(cache_bytes);
        let options = database_options()?;
        let mut names: BTreeSet<String> = FIXED.map(String::from).into();
        if directory.data.join("CURRENT").exists() {
            names.extend(DB::list_cf(&options, &directory.data)?);
        }
        let families = names.iter().map(|name| {
            let mut options = family_options(name, &cache);
            options.set_disable_auto_compactions(Partition::day_of_family(name).is_some_and(&spares));
            ColumnFamilyDescriptor::new(name, options)
        });
        let db = DB::open_cf_descriptors(&options, &directory.data, families)?;
        names.retain(|name| Partition::day_of_family(name).is_some());
        Ok(Self {
            db,
            cache,
            directory,
            partitions: RwLock::new(names),
            stopped: AtomicBool::default(),
        })
    }

    pub(crate) fn db(&self) -> &DB {
        &self.db
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn family(&self, name: &str) -> Result<Arc<BoundColumnFamily<'_>>, StorageError> {
        self.db
            .cf_handle(name)
            .ok_or_else(|| StorageError::Rocks(format!("no column family {name}")))
    }

    pub(crate) fn has_family(&self, name: &str) -> bool {
        self.db.cf_handle(name).is_some()
    }

    /// Makes a family unless there is one.
    pub(crate) fn create_family(&self, name: &str) -> Result<(), StorageError> {
        if !self.has_family(name) {
            self.db.create_cf(name, &family_options(name, &self.cache))?;
            self.partitions.write().insert(name.to_owned());
        }
        Ok(())
    }

    /// Drops a family if there is one.
    pub(crate) fn drop_family(&self, name: &str) -> Result<(), StorageError> {
        if self.has_family(name) {
            self.db.drop_cf(name)?;
            self.partitions.write().remove(name);
        }
        Ok(())
    }

    /// Writes a batch: after this a killed process does not lose it.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let mut options = WriteOptions::default();
        options.set_memtable_insert_hint_per_batch(true);
        self.put(batch, &options)
    }

    fn put(&self, batch: WriteBatch, options: &WriteOptions) -> Result<(), StorageError> {
        let outcome = self.db.write_opt(batch, options).map_err(StorageError::from);
        if matches!(outcome, Err(StorageError::Damaged(_))) {
            self.stopped.store(true, Ordering::Relaxed);
        }
        outcome
    }

    /// Whether it takes no writes any more, since a compaction has met a damaged file. Only opening it anew helps.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Leaves the files of a day as they are from now on: RocksDB stops where it cannot read what it compacts.
    pub(crate) fn stop_compactions(&self, day: u32) {
        let partition = Partition::new(day);
        for name in [&partition.chunks, &partition.index] {
            let Some(family) = self.db.cf_handle(name) else {
                continue;
            };
            if let Err(error) = self.db.set_options_cf(&family, &[("disable_auto_compactions", "true")]) {
                tracing::error!(%error, day, "compactions of a day with damaged files go on");
            }
        }
    }

    /// Writes a batch that is lost when the process ends before its families are flushed.
    pub(crate) fn write_unlogged(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        self.put(batch, &options)
    }

    /// Writes a batch and syncs: for rare records that families being made and dropped depend on.
    pub(crate) fn write_synced(&self, batch: WriteBatch) -> Result<(), StorageError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.put(batch, &options)
    }

    /// Syncs everything written so far.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        Ok(self.db.flush_wal(true)?)
    }

    /// All families of partitions, by name.
    pub(crate) fn partition_families(&self) -> Vec<String> {
        self.partitions.read().iter().cloned().collect()
    }

    /// Writes the memtables of these families to files.
    pub(crate) fn flush(&self, names: &[&str]) -> Result<(), StorageError> {
        let families = names
            .iter()
            .filter_map(|name| self.db.cf_handle(name))
            .collect::<Vec<_>>();
        let mut options = FlushOptions::default();
        options.set_wait(true);
        Ok(self.db.flush_cfs_opt(&families.iter().collect::<Vec<_>>(), &options)?)
    }

    /// Writes all memtables to files and gives up the space of log records that are flushed.
    pub(crate) fn flush_all(&self) -> Result<(), StorageError> {
        let partitions = self.partition_families();
        let names = FIXED
            .into_iter()
            .chain(partitions.iter().map(String::as_str))
            .collect::<Vec<_>>();
        self.flush(&names)?;
        self.reclaim(WAL)
    }

    /// Gives up the space of what is deleted in a family.
    pub(crate) fn reclaim(&self, name: &str) -> Result<(), StorageError> {
        let family = self.family(name)?;
        self.db.compact_range_cf(&family, None::<&[u8]>, None::<&[u8]>);
        Ok(())
    }

    /// Flushes the WAL family when its memtable is large and has few records, `live` bytes of them, that are not
    /// deleted: deleted ones are not written to the file.
    pub(crate) fn trim_wal(&self, live: u64) -> Result<(), StorageError> {
        let wal = self.family(WAL)?;
        let size = self
            .db
            .property_int_value_cf(&wal, rocksdb::properties::CUR_SIZE_ACTIVE_MEM_TABLE)?
            .unwrap_or_default();
        let (may, must) = WAL_MEMTABLE;
        if size > must || (size > may && live < size / 4) {
            let mut options = FlushOptions::default();
            options.set_wait(false);
            self.db.flush_cf_opt(&wal, &options)?;
        }
        Ok(())
    }

    /// Bytes of the files of a family.
    pub(crate) fn family_size(&self, name: &str) -> u64 {
        let family = self.db.cf_handle(name);
        let size = family.map(|family| {
            self.db
                .property_int_value_cf(&family, rocksdb::properties::LIVE_SST_FILES_SIZE)
        });
        size.and_then(|size| size.ok().flatten()).unwrap_or_default()
    }

    /// Bytes of all memtables.
    pub(crate) fn memtable_size(&self) -> u64 {
        let of = |name: &str| {
            let family = self.db.cf_handle(name)?;
            self.db
                .property_int_value_cf(&family, rocksdb::properties::CUR_SIZE_ALL_MEM_TABLES)
                .ok()
                .flatten()
        };
        let partitions = self.partition_families();
        FIXED
            .into_iter()
            .chain(partitions.iter().map(String::as_str))
            .filter_map(of)
            .sum()
    }

    /// Stops compactions; to be called before the last handle is dropped.
    pub(crate) fn stop_background_work(&self) {
        self.db.cancel_all_background_work(true);
    }
}

/// Half of the files that the process may open, within reason: one that is opened anew costs several reads.
fn most_open_files() -> i32 {
    let (least, most) = OPEN_FILES;
    let allowed = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let half = allowed.map_or(most, |allowed| i32::try_from(allowed / 2).unwrap_or(most));
    half.clamp(least, most)
}

fn database_options() -> Result<Options, StorageError> {
    // Preallocated log space would count as disk that is used.
    let mut options = Options::default().get_options_from_string("allow_fallocate=false")?;
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(2);
    options.set_max_open_files(most_open_files());
    options.set_db_write_buffer_size(WRITE_BUFFERS);
    options.set_max_total_wal_size(MAX_LOG);
    options.set_recycle_log_file_num(0);
    options.set_manifest_preallocation_size(64 * KIB);
    options.set_max_manifest_file_size(4 * MIB);
    options.set_log_level(LogLevel::Warn);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(MIB);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    options.set_avoid_unnecessary_blocking_io(true);
    options.set_bytes_per_sync(4 * MIB as u64);
    Ok(options)
}

/// The options of the family of this name.
fn family_options(name: &str, cache: &Cache) -> Options {
    let mut options = Options::default();
    options.set_compression_type(DBCompressionType::None);
    match name {
        WAL => {
            // Flushed by `trim_wal` long before.
            options.set_write_buffer_size(2 * WRITE_BUFFERS);
            options.set_arena_block_size(MIB);
            options.set_block_based_table_factory(&table(cache, 16 * KIB));
        }
        HINTS => {
            options.set_write_buffer_size(16 * MIB);
            options.set_arena_block_size(256 * KIB);
            options.set_block_based_table_factory(&table(cache, 16 * KIB));
        }
        META | SEEN | QUARANTINE | HINT_INDEX => {
            options.set_write_buffer_size(4 * MIB);
            options.set_arena_block_size(32 * KIB);
            options.set_block_based_table_factory(&table(cache, 16 * KIB));
        }
        name if Partition::is_chunks(name) => chunk_options(&mut options, cache),
        _ => index_options(&mut options, cache),
    }
    options
}

/// Few shards: what is larger than one, as a large file's whole index, would be read again at every look.
fn block_cache(bytes: usize) -> Cache {
    let mut options = LruCacheOptions::default();
    options.set_capacity(bytes);
    options.set_num_shard_bits(CACHE_SHARD_BITS);
    Cache::new_lru_cache_opts(&options)
}

fn table(cache: &Cache, block_size: usize) -> BlockBasedOptions {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_block_size(block_size);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(6);
    table
}

/// Chunks come in ascending order and are large: files do not overlap, so that compaction moves them without reading.
fn chunk_options(options: &mut Options, cache: &Cache) {
    options.set_write_buffer_size(16 * MIB);
    options.set_max_write_buffer_number(3);
    options.set_arena_block_size(256 * KIB);
    options.set_target_file_size_base(64 * MIB as u64);
    options.set_max_bytes_for_level_base(1 << 30);
    options.set_level_zero_file_num_compaction_trigger(8);
    options.set_level_zero_slowdown_writes_trigger(64);
    options.set_level_zero_stop_writes_trigger(128);
    let mut table = table(cache, 4 * KIB);
    // Reads pass the cache by, so that an index that is not held with its open file would be read each time.
    table.set_unpartitioned_pinning_tier(BlockBasedTablePinningTier::All);
    table.set_index_block_restart_interval(8);
    options.set_block_based_table_factory(&table);
}

/// Trace keys come in random order: runs of similar size are merged, some eight at a time, and a filter over the
/// prefix without the block spares reading runs that lack a trace.
fn index_options(options: &mut Options, cache: &Cache) {
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(8 * MIB);
    options.set_max_write_buffer_number(3);
    options.set_arena_block_size(32 * KIB);
    options.set_prefix_extractor(SliceTransform::create_fixed_prefix(keys::TRACE_PREFIX));
    options.set_compaction_style(DBCompactionStyle::Universal);
    options.set_level_zero_file_num_compaction_trigger(8);
    options.set_level_zero_slowdown_writes_trigger(40);
    options.set_level_zero_stop_writes_trigger(80);
    let mut universal = UniversalCompactOptions::default();
    universal.set_min_merge_width(4);
    universal.set_size_ratio(20);
    // Tombstones are few: full compactions would only cost.
    universal.set_max_size_amplification_percent(1_000);
    options.set_universal_compaction_options(&universal);
    let mut table = table(cache, 8 * KIB);
    table.set_block_restart_interval(32);
    table.set_ribbon_filter(10.0);
    table.set_whole_key_filtering(false);
    // In pieces: a look-up reads one of each, not all that a file of many traces has.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_metadata_block_size(8 * KIB);
    options.set_block_based_table_factory(&table);
}
