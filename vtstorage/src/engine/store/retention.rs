//! Which days are kept: decided by age and by the disk space that is used. It decides and touches nothing.

use super::disk::DiskSpace;
use common::time::{NANOS_PER_DAY, UnixNanos};
use std::time::Duration;

/// What decides how much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) retention: Duration,
    pub(crate) future: Duration,
    /// Bytes of stored data; 0: no bound
    pub(crate) max_bytes: u64,
    /// Percentage of the file system in use; 0: no bound
    pub(crate) max_percent: u8,
    /// The first day that the cluster still keeps, whatever the clock says
    pub(crate) floor: u32,
}

/// A day and what it takes on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DaySize {
    pub(crate) day: u32,
    pub(crate) bytes: u64,
}

/// Storage takes spans that are this much outside of the window which whoever writes validates with his own clock.
const SLACK: Duration = Duration::from_secs(3_600);

/// The newest days are not dropped for space.
const ALWAYS_KEPT: usize = 2;

impl Limits {
    /// The first day that is kept at `now`.
    pub(crate) fn first_day(&self, now: UnixNanos) -> u32 {
        let by_age = now.saturating_sub(self.retention).saturating_sub(SLACK).day();
        by_age.max(self.floor)
    }

    /// Whether spans that start from `first` to `last` are taken at `now`.
    pub(crate) fn takes(&self, now: UnixNanos, first: u64, last: u64) -> bool {
        let oldest = u64::from(self.first_day(now)) * NANOS_PER_DAY;
        oldest <= first && last <= now.saturating_add(self.future).saturating_add(SLACK).0
    }

    /// The days to drop, of all `days` in ascending order, when the stored data takes `used` bytes in all.
    pub(crate) fn surplus_days(&self, now: UnixNanos, days: &[DaySize], used: u64, disk: DiskSpace) -> Vec<u32> {
        let first = self.first_day(now);
        let mut over = self.surplus_bytes(used, disk);
        let mut left = days.len();
        let mut dropped = Vec::new();
        for DaySize { day, bytes } in days {
            let for_space = over > 0 && left > ALWAYS_KEPT;
            if *day < first || for_space {
                dropped.push(*day);
                over = over.saturating_sub(*bytes);
            }
            left -= 1;
        }
        dropped
    }

    /// The first day that there is room for, where some of the `surplus` days are dropped for space alone.
    pub(crate) fn first_with_room(&self, now: UnixNanos, surplus: &[u32]) -> Option<u32> {
        let last = surplus.last().filter(|day| **day >= self.first_day(now));
        last.map(|day| day.saturating_add(1))
    }

    /// Bytes above the bounds.
    fn surplus_bytes(&self, used: u64, disk: DiskSpace) -> u64 {
        let over_bytes = if self.max_bytes > 0 {
            used.saturating_sub(self.max_bytes)
        } else {
            0
        };
        let over_percent = match self.max_percent {
            0 => 0,
            percent => {
                let allowed = (disk.total as f64 * f64::from(percent) / 100.0) as u64;
                disk.total.saturating_sub(disk.free).saturating_sub(allowed)
            }
        };
        over_bytes.max(over_percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const LIMITS: Limits = Limits {
        retention: DAY.saturating_mul(7),
        future: DAY.saturating_mul(2),
        max_bytes: 0,
        max_percent: 0,
        floor: 0,
    };
    const DISK: DiskSpace = DiskSpace {
        free: 400,
        total: 1_000,
    };

    fn at(day: u64, hour: u64) -> UnixNanos {
        UnixNanos(day * NANOS_PER_DAY + hour * 3_600_000_000_000)
    }

    fn days(range: std::ops::Range<u32>) -> Vec<DaySize> {
        range.map(|day| DaySize { day, bytes: 100 }).collect()
    }

    #[test]
    fn old_days_go_when_all_of_them_is_old() {
        let days = days(100..110);
        assert_eq!(LIMITS.surplus_days(at(108, 0), &days, 1_000, DISK), [] as [u32; 0]);
        assert_eq!(LIMITS.surplus_days(at(108, 2), &days, 1_000, DISK), [100]);
        assert_eq!(
            LIMITS.surplus_days(at(200, 0), &days, 1_000, DISK).len(),
            10,
            "age knows no exception"
        );
    }

    #[test]
    fn the_oldest_days_go_for_space() {
        let bytes = Limits {
            max_bytes: 750,
            ..LIMITS
        };
        assert_eq!(
            bytes.surplus_days(at(105, 0), &days(100..110), 1_000, DISK),
            [100, 101, 102]
        );
        assert_eq!(bytes.surplus_days(at(105, 0), &days(100..103), 5_000, DISK), [100]);
        let percent = Limits {
            max_percent: 45,
            ..LIMITS
        };
        assert_eq!(
            percent.surplus_days(at(105, 0), &days(100..110), 1_000, DISK),
            [100, 101]
        );
        let enough = Limits {
            max_percent: 60,
            ..LIMITS
        };
        assert_eq!(
            enough.surplus_days(at(105, 0), &days(100..110), 1_000, DISK),
            [] as [u32; 0]
        );
    }

    #[test]
    fn what_the_cluster_no_longer_keeps_is_too_old() {
        let limits = Limits { floor: 107, ..LIMITS };
        let days = days(100..110);
        assert_eq!(
            limits.surplus_days(at(108, 2), &days, 0, DISK),
            (100..107).collect::<Vec<_>>()
        );
        assert!(limits.takes(at(108, 2), at(107, 0).0, at(108, 0).0));
        assert!(!limits.takes(at(108, 2), at(106, 23).0, at(108, 0).0));
        assert_eq!(
            limits.first_with_room(at(108, 2), &[105, 106]),
            None,
            "they are too old"
        );
        assert_eq!(limits.first_with_room(at(108, 2), &[106, 107]), Some(108));
    }

    #[test]
    fn spans_outside_of_the_window_are_not_taken() {
        let now = at(108, 2);
        assert!(LIMITS.takes(now, at(101, 0).0, at(110, 3).0));
        assert!(!LIMITS.takes(now, at(100, 23).0, at(105, 0).0));
        assert!(!LIMITS.takes(now, at(105, 0).0, at(110, 4).0));
    }
}
