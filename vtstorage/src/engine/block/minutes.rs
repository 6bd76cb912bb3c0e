//! Spans of a block by slot and minute of the day: what the header says of all slots, for some of them. Made from the
//! starts when it is first asked for, and kept.

use super::BlockRows;
use super::cache::Cached;
use super::slots::{self, NO_STREAM, SlotRows};
use crate::engine::error::StorageError;
use crate::engine::rows::RowSet;
use common::cluster::SlotSet;
use common::ids::TenantId;
use common::time::NANOS_PER_DAY;
use std::sync::Arc;

/// Numbers of spans of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlotMinutes {
    /// Of how many slots
    slots: u16,
    /// For each slot that has rows, by the minutes that the header names
    counts: Box<[u32]>,
}

impl SlotMinutes {
    /// Bytes of memory held.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.counts)
    }
}

/// Beside the first row in the key of what is kept.
const MINUTES: u32 = 1 << 31;
const NANOS_PER_MINUTE: u64 = 60_000_000_000;

impl BlockRows<'_> {
    /// Number of spans of `tenant` by minute of the day of their start, of those whose slot, of `slots` slots, is in a
    /// set; ascending. `None` where there would be more numbers than spans.
    pub fn minutes_of_slots(
        &mut self,
        tenant: TenantId,
        slots: u16,
        set: &SlotSet,
    ) -> Result<Option<Vec<(u16, u32)>>, StorageError> {
        let Some(rows) = self.header().tenants.iter().find(|rows| rows.tenant == tenant.0) else {
            return Ok(Some(Vec::new()));
        };
        let of_slots = slots::of_block(self.block(), self.pages(), tenant, slots)?;
        if of_slots.ends().len() * rows.minutes.len() > rows.rows as usize {
            return Ok(None);
        }
        let minutes: Vec<u16> = rows.minutes.iter().map(|(minute, _)| *minute).collect();
        let known = self.slot_minutes(tenant, rows.first_row, &of_slots, &minutes)?;
        let mut all: Vec<(u16, u32)> = minutes.iter().map(|minute| (*minute, 0)).collect();
        let by_slot = known.counts.chunks(minutes.len().max(1));
        for ((slot, _), counts) in of_slots.ends().iter().zip(by_slot) {
            if set.contains(*slot) {
                all.iter_mut().zip(counts).for_each(|((_, all), count)| *all += count);
            }
        }
        all.retain(|(_, count)| *count > 0);
        Ok(Some(all))
    }

    fn slot_minutes(
        &mut self,
        tenant: TenantId,
        first_row: u32,
        of_slots: &SlotRows,
        minutes: &[u16],
    ) -> Result<Arc<SlotMinutes>, StorageError> {
        let block = self.block();
        let key = (block.id, NO_STREAM, first_row | MINUTES);
        let cache = block.chunks.pages();
        if let Some(Cached::Minutes(known)) = cache.and_then(|cache| cache.get(key))
            && known.slots == of_slots.slots()
        {
            return Ok(known);
        }
        let counts = self.count_minutes(tenant, of_slots, minutes)?;
        let found = Arc::new(SlotMinutes {
            slots: of_slots.slots(),
            counts,
        });
        if let Some(cache) = cache {
            cache.insert(key, Cached::Minutes(found.clone()));
        }
        Ok(found)
    }

    fn count_minutes(
        &mut self,
        tenant: TenantId,
        of_slots: &SlotRows,
        minutes: &[u16],
    ) -> Result<Box<[u32]>, StorageError> {
        let range = self.header().tenant_rows(tenant);
        let (rows, starts) = self.starts(&RowSet::of_range(self.header().rows, range.clone()))?;
        let midnight = u64::from(self.block().day) * NANOS_PER_DAY;
        let mut counts = vec![0; of_slots.ends().len() * minutes.len()];
        let mut by_slot = counts.chunks_mut(minutes.len().max(1)).zip(of_slots.ends());
        let mut slot = by_slot.next();
        let in_range = rows.row_numbers(starts.len()).zip(starts.iter());
        for (row, start) in in_range.filter(|(row, _)| range.contains(row)) {
            while slot.as_ref().is_some_and(|(_, (_, end))| *end <= row) {
                slot = by_slot.next();
            }
            let minute = start.saturating_sub(midnight) / NANOS_PER_MINUTE;
            let place = minutes.binary_search_by(|known| u64::from(*known).cmp(&minute));
            if let (Some((counts, _)), Ok(place)) = (&mut slot, place)
                && let Some(count) = counts.get_mut(place)
            {
                *count += 1;
            }
        }
        Ok(counts.into())
    }
}
