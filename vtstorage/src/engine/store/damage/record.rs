//! What of the store cannot be read, as it stands in a file of its own beside RocksDB: it must be known before that is
//! opened, and be written also when RocksDB takes no more writes.

use crate::engine::error::StorageError;
use crate::engine::store::directory;
use common::cluster::Scope;
use common::ids::Epoch;
use common::time::{NANOS_PER_DAY, TimeRange, UnixNanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// A part of a day that cannot be read and is not served.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Damaged {
    /// Days since 1970-01-01, UTC
    pub day: u32,
    /// The id of a block; `None`: files that say which blocks and traces there are
    pub block: Option<u64>,
    /// The epoch of its spans; `None` where that cannot be read either
    pub epoch: Option<u32>,
    /// Earliest and latest start of its spans, in nanoseconds; as above
    pub starts: Option<(u64, u64)>,
    pub why: String,
}

impl Damaged {
    /// Files of a day that say which blocks and traces there are.
    pub(crate) fn index(day: u32, why: &StorageError) -> Self {
        Self {
            day,
            block: None,
            epoch: None,
            starts: None,
            why: why.to_string(),
        }
    }

    /// Whether spans of it may lie in a range of time and in scope.
    pub(crate) fn concerns(&self, range: TimeRange, scope: Option<&Scope>) -> bool {
        let first = u64::from(self.day) * NANOS_PER_DAY;
        let (start, end) = self.starts.unwrap_or((first, first + (NANOS_PER_DAY - 1)));
        let in_scope = |scope: &Scope| match self.epoch {
            Some(epoch) => !scope.slots_at(Epoch(epoch)).is_empty(),
            None => !scope.is_empty(),
        };
        range.overlaps(UnixNanos(start), UnixNanos(end)) && scope.is_none_or(in_scope)
    }
}

/// All that is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct DamageRecord {
    pub(crate) parts: BTreeSet<Damaged>,
    /// Days with files that RocksDB must not compact, as it would stop at what it cannot read
    pub(crate) days: BTreeSet<u32>,
    /// RocksDB has stopped at such a file, of a day that is not known
    pub(crate) suspect: bool,
}

const LABEL: &str = "vtstorage damage 1 ";

impl DamageRecord {
    /// Reads the file; what is not there is empty. What cannot be read counts as suspect.
    pub(crate) fn read(path: &Path) -> Result<Self, StorageError> {
        let Some(text) = directory::read(path)? else {
            return Ok(Self::default());
        };
        Ok(Self::parse(&text).unwrap_or_else(|| {
            tracing::error!(path = %path.display(), "the record of damage cannot be read itself; all is looked at anew");
            Self {
                suspect: true,
                ..Self::default()
            }
        }))
    }

    /// Writes the file durably.
    pub(crate) fn write(&self, path: &Path) -> Result<(), StorageError> {
        let fields = serde_json::to_string(self).map_err(|e| StorageError::Directory(e.to_string()))?;
        let sum = xxh3_64(fields.as_bytes());
        directory::write(path, &format!("{LABEL}{sum:016x}\n{fields}\n"))
    }

    fn parse(text: &str) -> Option<Self> {
        let (sum, fields) = text.strip_prefix(LABEL)?.split_once('\n')?;
        let fields = fields.trim_end();
        let sound = u64::from_str_radix(sum, 16).ok()? == xxh3_64(fields.as_bytes());
        serde_json::from_str(fields).ok().filter(|_| sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::cluster::{ScopeRange, SlotSet};

    fn part(day: u32, epoch: Option<u32>) -> Damaged {
        Damaged {
            day,
            block: Some(7),
            epoch,
            starts: None,
            why: "a checksum".into(),
        }
    }

    #[test]
    fn it_reads_as_it_is_written_and_what_is_changed_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("damage");
        assert_eq!(DamageRecord::read(&path).unwrap(), DamageRecord::default());
        let record = DamageRecord {
            parts: [part(3, Some(4)), part(9, None)].into(),
            days: [3, 9].into(),
            suspect: false,
        };
        record.write(&path).unwrap();
        assert_eq!(DamageRecord::read(&path).unwrap(), record);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"day\":3", "\"day\":4")).unwrap();
        assert!(DamageRecord::read(&path).unwrap().suspect);
    }

    #[test]
    fn it_concerns_its_day_and_epoch() {
        let at = |day: u32| UnixNanos(u64::from(day) * NANOS_PER_DAY + 5);
        let today = TimeRange::new(at(3), at(3));
        let scope = |epochs: (u32, u32)| Scope {
            slots: 16,
            ranges: vec![ScopeRange {
                epochs: (Epoch(epochs.0), Epoch(epochs.1)),
                slots: SlotSet::all(16),
            }],
        };
        let known = part(3, Some(4));
        assert!(known.concerns(today, None) && known.concerns(TimeRange::ALL, Some(&scope((1, 4)))));
        assert!(!known.concerns(today, Some(&scope((5, 9)))));
        assert!(!known.concerns(TimeRange::new(at(4), at(4)), None));
        assert!(part(3, None).concerns(today, Some(&scope((5, 9)))));
        assert!(!part(3, None).concerns(
            today,
            Some(&Scope {
                slots: 16,
                ranges: vec![]
            })
        ));
    }
}
