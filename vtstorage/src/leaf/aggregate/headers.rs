//! Counts that the headers of blocks know: of all spans, and by times that are whole minutes.

use super::accumulator::Accumulator;
use super::prepared::Aggregation;
use crate::engine::block::BlockHeader;
use crate::leaf::query::Query;
use common::ids::TenantId;
use common::query::logsql::stats::{Count, Kind, Text};
use common::query::logsql::value::{BucketSize, MINUTE};
use common::query::{Column, Filter, FunctionKind, GroupKey, SpanField};
use common::time::{NANOS_PER_DAY, TimeRange};
use std::collections::BTreeMap;

/// A question to headers.
pub(super) struct HeaderCounts<'a> {
    what: &'a Aggregation,
    tenant: TenantId,
    range: TimeRange,
    /// The start of a minute to the text of its bucket; `None` if there is one group
    key: Option<&'a GroupKey>,
}

impl<'a> HeaderCounts<'a> {
    /// `None` if headers do not know.
    pub(super) fn new(query: &Query, what: &'a Aggregation) -> Option<Self> {
        let counts = |f: &super::prepared::PreparedFunction| {
            f.kind == FunctionKind::Count && f.columns.is_empty() && f.condition.is_none()
        };
        let key = match what.keys.as_slice() {
            [] => None,
            [(key, _)] if is_of_minutes(key) => Some(key),
            _ => return None,
        };
        (query.plan.filter == Filter::All && what.functions.iter().all(counts)).then_some(Self {
            what,
            tenant: query.tenant(),
            range: query.plan.range,
            key,
        })
    }

    /// Adds the spans of a block of this day; false if its header does not tell which are in the time range.
    pub(super) fn add(&self, all: &mut Accumulator, header: &BlockHeader, day: u32) -> bool {
        let Some(rows) = header.tenants.iter().find(|t| t.tenant == self.tenant.0) else {
            return true;
        };
        let (first, last) = (self.range.start.0, self.range.end.0);
        let is_whole = first <= header.min_start && header.max_start <= last;
        if is_whole && self.key.is_none() {
            self.add_count(all, &[], u64::from(rows.rows));
            return true;
        }
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for (minute, count) in &rows.minutes {
            let start = u64::from(day) * NANOS_PER_DAY + u64::from(*minute) * NANOS_PER_MINUTE;
            let end = start + (NANOS_PER_MINUTE - 1);
            if is_whole || first <= start && end <= last {
                counts.insert(start, u64::from(*count));
            } else if first <= end && start <= last {
                return false;
            }
        }
        for (minute, count) in counts {
            match self.key {
                None => self.add_count(all, &[], count),
                Some(key) => self.add_count(all, &[key.text(&minute.to_string()).into()], count),
            }
        }
        true
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
