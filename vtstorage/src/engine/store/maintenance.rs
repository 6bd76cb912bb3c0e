//! What happens by the clock: free space and read-only mode, retention, forgetting request ids, deleting what no query
//! sees any more, gauges.

use super::disk::{self, DiskSpace};
use super::retention::DaySize;
use super::shared::Shared;
use crate::engine::error::StorageError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_secs(1);
/// Between looks at the free space when there is little more than the floor.
const WATCH: Duration = Duration::from_millis(100);
/// How much that is: a disk does not take more within a [`TICK`].
const NEAR: u64 = 1 << 30;
/// Retention is looked at this often.
const RETENTION: Duration = Duration::from_secs(30);
/// Spans in blocks take at most this part of the memory that they took in heads.
const BLOCK_SHARE: u64 = 2;

impl Shared {
    /// The maintenance thread.
    pub(crate) fn run_maintenance(&self) {
        let (mut retained, mut maintained) = (Instant::now(), Instant::now());
        while self.maintenance.wait(self.disk_pause()) {
            let retention = retained.elapsed() >= RETENTION || self.has_forgotten_days();
            let outcome = if maintained.elapsed() >= TICK {
                maintained = Instant::now();
                self.maintain(retention)
            } else {
                self.check_disk().map(|_| ())
            };
            if retention {
                retained = Instant::now();
            }
            if let Err(e) = outcome {
                tracing::error!(error = %e, "maintenance of the store failed");
                if matches!(e, StorageError::Failpoint(_)) {
                    return;
                }
            }
        }
    }

    fn disk_pause(&self) -> Duration {
        match self.disk.lock().free.saturating_sub(self.disk_floor()) {
            ..NEAR => WATCH,
            NEAR.. => TICK,
        }
    }

    /// Free bytes below which writes are refused: the configured ones, and room for what is in memory and must still
    /// be written.
    fn disk_floor(&self) -> u64 {
        let floor = self.config.storage_min_free_disk_space_bytes.bytes();
        let unwritten = self.rocks.memtable_size() + self.live.held_bytes() as u64 / BLOCK_SHARE;
        floor.saturating_add(unwritten)
    }

    /// One round.
    pub(crate) fn maintain(&self, retention: bool) -> Result<(), StorageError> {
        let space = self.check_disk()?;
        self.expire_seen()?;
        if retention {
            self.apply_retention(space)?;
        }
        self.purge()?;
        self.publish();
        self.check_rocks();
        Ok(())
    }

    /// Where RocksDB has stopped at a damaged file, it goes on only when it is opened anew, and does not touch it then.
    fn check_rocks(&self) {
        if self.rocks.is_stopped() && self.failure.borrow().is_none() {
            self.damages.set_suspect(true);
            let why = StorageError::Damaged("a damaged file was met; no more is written until the next start".into());
            tracing::error!(error = %why, "the store has to be opened anew");
            self.failure.send_replace(Some(why));
        }
    }

    /// Looks at the free space, and goes into read-only mode or out of it.
    pub(crate) fn check_disk(&self) -> Result<DiskSpace, StorageError> {
        let path = &self.rocks.directory().data;
        let space = (self.environment.disk)(path).map_err(|e| StorageError::Directory(e.to_string()))?;
        *self.disk.lock() = space;
        let floor = self.disk_floor();
        let before = self.read_only.load(Ordering::Relaxed);
        let now = disk::is_read_only(space, floor, before);
        self.read_only.store(now, Ordering::Relaxed);
        match (before, now) {
            (false, true) => tracing::warn!(
                free_bytes = space.free,
                floor_bytes = floor,
                "disk nearly full: read-only"
            ),
            (true, false) => {
                tracing::info!(free_bytes = space.free, "disk has space again: taking writes");
                self.merges.signal.raise();
            }
            _ => {}
        }
        Ok(space)
    }

    /// Retires partitions that are too old or take too much space.
    fn apply_retention(&self, space: DiskSpace) -> Result<(), StorageError> {
        let _commit = self.commit.lock();
        let partitions = self.live.partitions();
        let size = |name: &str| self.rocks.family_size(name);
        let days = partitions.values().map(|view| DaySize {
            day: view.day,
            bytes: size(&view.partition.chunks) + size(&view.partition.index),
        });
        let days = days.collect::<Vec<_>>();
        drop(partitions);
        let mut limits = self.retention();
        if !self.retired.lock().partitions.is_empty() {
            // Space that was given up is not free yet.
            (limits.max_bytes, limits.max_percent) = (0, 0);
        }
        let used = match limits.max_bytes {
            0 => 0,
            _ => disk::directory_size(&self.rocks.directory().data),
        };
        let now = (self.environment.now)();
        let mut surplus = limits.surplus_days(now, &days, used, space);
        if self.kept.is_agreed() {
            self.kept.set_first_with_room(limits.first_with_room(now, &surplus));
            surplus.retain(|day| *day < limits.first_day(now));
        }
        for day in surplus {
            tracing::info!(day, "dropping a partition by retention");
            self.retire_partition(day)?;
            self.damages.forget_day(day);
        }
        Ok(())
    }

    /// The thread that syncs the log: when somebody waits for it, or each second.
    pub(crate) fn run_syncs(&self) {
        while self.syncer.signal.wait(TICK) {
            if let Err(e) = self.syncer.sync(&self.rocks) {
                tracing::error!(error = %e, "cannot sync the log");
                self.counters.sync_failures.increment();
            }
        }
        self.syncer.end();
    }
}
