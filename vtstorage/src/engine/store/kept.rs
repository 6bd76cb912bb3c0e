//! The days that a cluster keeps. Its nodes agree on the oldest one: a node without room for it does not drop it alone,
//! as its replicas would have other spans than it, but asks the cluster to keep less; then all nodes drop it.

use super::engine::Engine;
use super::shared::Shared;
use common::time::{NANOS_PER_DAY, TimeRange, UnixNanos};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What the cluster keeps and what there is room for here. Days count from 1970-01-01, UTC.
#[derive(Debug, Default)]
pub(crate) struct KeptDays {
    is_agreed: AtomicBool,
    floor: AtomicU32,
    /// 0: for all
    with_room: AtomicU32,
}

impl KeptDays {
    /// The first day that is kept; 0 where no cluster has said so.
    pub(crate) fn floor(&self) -> u32 {
        self.floor.load(Ordering::Acquire)
    }

    /// Whether days are dropped when the cluster says so, and not for the space of this node.
    pub(crate) fn is_agreed(&self) -> bool {
        self.is_agreed.load(Ordering::Acquire)
    }

    pub(crate) fn set_first_with_room(&self, day: Option<u32>) {
        self.with_room.store(day.unwrap_or_default(), Ordering::Release);
    }
}

impl Engine {
    /// The cluster keeps this day and later ones. Earlier ones are out of sight at once, and soon deleted.
    pub fn keep_from(&self, day: u32) {
        self.shared.kept.is_agreed.store(true, Ordering::Release);
        self.shared.kept.floor.fetch_max(day, Ordering::AcqRel);
    }

    /// The first day that this node of a cluster has room for, by its flags; 0 where it has room for all.
    pub fn first_day_with_room(&self) -> u32 {
        self.shared.kept.with_room.load(Ordering::Acquire)
    }

    /// The part of a range of time that is kept.
    pub(crate) fn kept_of(&self, range: TimeRange) -> TimeRange {
        let start = u64::from(self.shared.kept.floor()) * NANOS_PER_DAY;
        TimeRange::new(range.start.max(UnixNanos(start)), range.end)
    }
}

impl Shared {
    /// Whether there are days that the cluster no longer keeps.
    pub(crate) fn has_forgotten_days(&self) -> bool {
        let floor = self.kept.floor();
        self.live
            .partitions()
            .first_key_value()
            .is_some_and(|(day, _)| *day < floor)
    }
}
