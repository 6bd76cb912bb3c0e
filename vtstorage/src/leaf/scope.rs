//! The part of the stored spans that a query of a cluster is about: some slots of some epochs. A head batch and a block
//! have one epoch each, so that of them the slots are left to look at.

use crate::engine::batch::SpanBatch;
use crate::engine::block::{BlockRows, KeptRows};
use crate::engine::error::StorageError;
use crate::engine::rows::RowSet;
use common::cluster::{Scope, Slot, SlotSet};
use common::ids::{Epoch, TenantId};

#[cfg(test)]
mod tests;

/// A [`Scope`] as heads and blocks are asked about it.
#[derive(Clone, Debug)]
pub(super) struct RowScope(Scope);

impl RowScope {
    pub(super) fn new(scope: Scope) -> Self {
        Self(scope)
    }

    /// Whether anything of an epoch is in scope.
    pub(super) fn has_epoch(&self, epoch: Epoch) -> bool {
        self.ranges(epoch).next().is_some()
    }

    /// Whether traces whose ids have this hash are in scope, as far as they were written under an epoch.
    pub(super) fn has(&self, epoch: Epoch, hash: u64) -> bool {
        let slot = Slot::of_hash(hash, self.0.slots);
        self.ranges(epoch).any(|slots| slots.contains(slot))
    }

    /// The rows of a block that are in scope.
    pub(super) fn of_block(
        &self,
        epoch: Epoch,
        tenant: TenantId,
        rows: &mut BlockRows<'_>,
    ) -> Result<KeptRows, StorageError> {
        let slots = self.0.slots_at(epoch);
        if slots.is_empty() {
            return Ok(KeptRows::Nothing);
        }
        if slots.len() == usize::from(self.0.slots) {
            return Ok(KeptRows::All);
        }
        rows.slots_kept(tenant, self.0.slots, &slots)
    }

    /// The numbers of a block's spans that are in scope, by minute of the day of their start; `None` where only reading
    /// them tells.
    pub(super) fn minutes_of_block(
        &self,
        epoch: Epoch,
        tenant: TenantId,
        rows: &mut BlockRows<'_>,
    ) -> Result<Option<Vec<(u16, u32)>>, StorageError> {
        let slots = self.0.slots_at(epoch);
        match slots.is_empty() {
            true => Ok(Some(Vec::new())),
            false => rows.minutes_of_slots(tenant, self.0.slots, &slots),
        }
    }

    /// The rows of a head batch that are in scope.
    pub(super) fn of_batch(&self, batch: &SpanBatch) -> KeptRows {
        let slots = self.0.slots_at(batch.epoch);
        if slots.is_empty() {
            return KeptRows::Nothing;
        }
        if slots.len() == usize::from(self.0.slots) {
            return KeptRows::All;
        }
        let mut kept = RowSet::empty(batch.rows.len() as u32);
        for (row, span) in (0..).zip(&batch.rows) {
            if slots.contains(Slot::of_hash(span.hash, self.0.slots)) {
                kept.insert(row);
            }
        }
        match kept.count() as usize {
            0 => KeptRows::Nothing,
            all if all == batch.rows.len() => KeptRows::All,
            _ => KeptRows::Some(kept),
        }
    }

    fn ranges(&self, epoch: Epoch) -> impl Iterator<Item = &SlotSet> {
        let ranges = self.0.ranges.iter();
        let held = ranges.filter(move |range| range.epochs.0 <= epoch && epoch <= range.epochs.1);
        held.map(|range| &range.slots)
    }
}
