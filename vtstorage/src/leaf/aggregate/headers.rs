//! Counts that the headers of blocks know: of all spans, and by times that are whole minutes.

use super::accumulator::Accumulator;
use super::prepared::Aggregation;
use crate::engine::block::StoredBlock;
use crate::engine::error::StorageError;
use crate::leaf::query::Query;
use common::query::logsql::stats::{Count, Kind, Text};
use common::query::logsql::value::{BucketSize, MINUTE};
use common::query::{Column, Filter, FunctionKind, GroupKey, SpanField};
use common::time::{NANOS_PER_DAY, TimeRange};
use std::collections::BTreeMap;

/// A question to headers.
pub(super) struct HeaderCounts<'a> {
    query: &'a Query,
    what: &'a Aggregation,
    range: TimeRange,
    /// The start of a minute to the text of its bucket; `None` if there is one group
    key: Option<&'a GroupKey>,
}

impl<'a> HeaderCounts<'a> {
    /// `None` if headers do not know.
    pub(super) fn new(query: &'a Query, what: &'a Aggregation) -> Option<Self> {
        let counts = |f: &super::prepared::PreparedFunction| {
            f.kind == FunctionKind::Count && f.columns.is_empty() && f.condition.is_none()
        };
        let key = match what.keys.as_slice() {
            [] => None,
            [(key, _)] if is_of_minutes(key) => Some(key),
            _ => return None,
        };
        (query.plan.filter == Filter::All && what.functions.iter().all(counts)).then_some(Self {
            query,
            what,
            range: query.plan.range,
            key,
        })
    }

    /// Adds the spans of a block; false if it is not known which are in the time range without reading them.
    pub(super) fn add(&self, all: &mut Accumulator, block: &StoredBlock) -> Result<bool, StorageError> {
        let (first, last) = (self.range.start.0, self.range.end.0);
        let is_whole = first <= block.summary.min_start && block.summary.max_start <= last;
        if is_whole && self.key.is_none() {
            let count = self.query.count_of(block)?;
            count.into_iter().for_each(|count| self.add_count(all, &[], count));
            return Ok(count.is_some());
        }
        let Some(minutes) = self.query.minutes_of(block)? else {
            return Ok(false);
        };
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for (minute, count) in minutes {
            let start = u64::from(block.day) * NANOS_PER_DAY + u64::from(minute) * NANOS_PER_MINUTE;
            let end = start + (NANOS_PER_MINUTE - 1);
            if is_whole || first <= start && end <= last {
                counts.insert(start, u64::from(count));
            } else if first <= end && start <= last {
                return Ok(false);
            }
        }
        for (minute, count) in counts {
            match self.key {
                None => self.add_count(all, &[], count),
                Some(key) => self.add_count(all, &[key.text(&minute.to_string()).into()], count),
            }
        }
        Ok(true)
    }

    fn add_count(&self, all: &mut Accumulator, key: &[Text], spans: u64) {
        let slot = [Some(all.slot(self.what, key))];
        for function in 0..self.what.functions.len() {
            if let Some(count) = all.states(function, &slot).get(0).and_then(Count::of_mut) {
                count.add(spans);
            }
        }
    }
}

const NANOS_PER_MINUTE: u64 = MINUTE.cast_unsigned();

/// Whether all times of a minute are in one bucket.
fn is_of_minutes(key: &GroupKey) -> bool {
    let minutes = |nanos: f64| (nanos as i64) % MINUTE == 0;
    key.column == Column::Field(SpanField::Start)
        && key.bucket.is_some_and(|bucket| match bucket.size {
            BucketSize::Number(size) => size as i64 > 0 && minutes(size) && minutes(bucket.offset),
            BucketSize::Week | BucketSize::Month | BucketSize::Year => minutes(bucket.offset),
        })
}
