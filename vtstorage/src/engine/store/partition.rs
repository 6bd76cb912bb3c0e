//! Partitions: one per UTC day of span start. A partition is two column families, one for the chunks of its blocks and
//! one for headers, trace index and catalogue; a record in the default family says whether it lives, so that a half
//! made or half dropped one is recognised.
//!
//! Chunks have a family of their own because their keys ascend for ever: the files of that family do not overlap, a
//! chunk is looked for in one of them, and compaction only renames them.

use crate::engine::error::StorageError;
use std::fmt;

const CHUNKS: &str = "day@";
const INDEX: &str = "index@";

/// A day's place in the store. Views hold it: the column families are dropped after the last of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) day: u32,
    /// Column family of the chunks
    pub(crate) chunks: String,
    /// Column family of headers, trace index and catalogue
    pub(crate) index: String,
}

impl Partition {
    pub(crate) fn new(day: u32) -> Self {
        let date = Date::of_day(day);
        Self {
            day,
            chunks: format!("{CHUNKS}{date}"),
            index: format!("{INDEX}{date}"),
        }
    }

    /// The day whose column family has this name.
    pub(crate) fn day_of_family(name: &str) -> Option<u32> {
        Date::parse(name.strip_prefix(CHUNKS).or_else(|| name.strip_prefix(INDEX))?).map(Date::day)
    }

    /// Whether a column family of this name holds chunks.
    pub(crate) fn is_chunks(name: &str) -> bool {
        name.starts_with(CHUNKS)
    }
}

/// The life of a partition, as its record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PartitionState {
    /// Its column families are being made; nothing is in it.
    Creating,
    Live,
    /// No query sees it any more; its column families are being dropped.
    Dropping,
}

const RECORD_VERSION: u8 = 1;

impl PartitionState {
    /// Version, state.
    pub(crate) fn to_bytes(self) -> [u8; 2] {
        let state = match self {
            Self::Creating => 0,
            Self::Live => 1,
            Self::Dropping => 2,
        };
        [RECORD_VERSION, state]
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StorageError> {
        match bytes {
            [RECORD_VERSION, 0] => Ok(Self::Creating),
            [RECORD_VERSION, 1] => Ok(Self::Live),
            [RECORD_VERSION, 2] => Ok(Self::Dropping),
            [version, ..] if *version > RECORD_VERSION => Err(StorageError::NewerFormat {
                what: "a partition record",
                found: u32::from(*version),
                known: u32::from(RECORD_VERSION),
            }),
            _ => Err(StorageError::corrupt("partition record", format!("{bytes:?}"))),
        }
    }
}

/// A day of the proleptic Gregorian calendar, printed as `2026-11-20`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Date {
    year: u32,
    month: u32,
    day: u32,
}

/// Days of 400 years.
const ERA: u32 = 146_097;
/// 1970-01-01 counted from 0000-03-01.
const EPOCH: u32 = 719_468;

impl Date {
    /// From days since 1970-01-01. Years begin in March here, so that the leap day comes last.
    fn of_day(day: u32) -> Self {
        let day = u64::from(day) + u64::from(EPOCH);
        let (era, of_era) = (day / u64::from(ERA), (day % u64::from(ERA)) as u32);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = (era * 400) as u32 + year_of_era + u32::from(month <= 2);
        Self {
            year,
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
        }
    }

    /// Days since 1970-01-01.
    fn day(self) -> u32 {
        let year = self.year - u32::from(self.month <= 2);
        let (era, of_era) = (year / 400, year % 400);
        let shifted = if self.month > 2 { self.month - 3 } else { self.month + 9 };
        let of_year = (153 * shifted + 2) / 5 + self.day - 1;
        era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-').map(|part| part.parse::<u32>().ok());
        let date = Self {
            year: parts.next()??,
            month: parts.next()??,
            day: parts.next()??,
        };
        let in_range = date.year >= 1970 && date.year < 100_000 && (1..=12).contains(&date.month);
        (in_range && (1..=31).contains(&date.day)).then_some(date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_named_after_the_date() {
        for (day, date) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_777, "2026-11-20"),
        ] {
            let partition = Partition::new(day);
            assert_eq!(partition.chunks, format!("day@{date}"));
            assert_eq!(partition.index, format!("index@{date}"));
            assert!(Partition::is_chunks(&partition.chunks) && !Partition::is_chunks(&partition.index));
        }
        assert_eq!(Partition::day_of_family("default"), None);
        assert_eq!(Partition::day_of_family("day@x-1-1"), None);
    }

    #[test]
    fn every_day_reads_as_it_prints() {
        // The last day whose nanoseconds fit 64 bits lies in 2554.
        for day in 0..213_504 {
            assert_eq!(Partition::day_of_family(&Partition::new(day).index), Some(day));
        }
    }

    #[test]
    fn states_read_as_they_are_written() {
        for state in [PartitionState::Creating, PartitionState::Live, PartitionState::Dropping] {
            assert_eq!(PartitionState::from_bytes(&state.to_bytes()).unwrap(), state);
        }
        assert!(matches!(
            PartitionState::from_bytes(&[9, 0]),
            Err(StorageError::NewerFormat { .. })
        ));
        assert!(matches!(
            PartitionState::from_bytes(&[]),
            Err(StorageError::Corrupt { .. })
        ));
    }
}
