//! Where the rows of each slot lie in a block. Rows are sorted by trace hash and a slot is the top bits of it, so that
//! the rows of a slot follow each other.

use super::Block;
use super::cache::Cached;
use super::pages::Pages;
use crate::engine::error::StorageError;
use crate::engine::rows::RowSet;
use common::cluster::{Slot, SlotSet};
use common::ids::{TenantId, TraceId};
use std::sync::Arc;

/// The slots that rows of one tenant are in, ascending, and where their rows end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlotRows {
    /// Of how many slots
    slots: u16,
    first_row: u32,
    /// Slot, and the row after its last
    ends: Box<[(Slot, u32)]>,
}

/// What a slot set keeps of a source's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptRows {
    Nothing,
    All,
    Some(RowSet),
}

impl SlotRows {
    /// From the traces' ids in order, and the rows that end them.
    fn new(slots: u16, first_row: u32, traces: impl Iterator<Item = (TraceId, u32)>) -> Self {
        let mut ends: Vec<(Slot, u32)> = Vec::new();
        for (trace, end) in traces {
            let slot = Slot::of(trace, slots);
            match ends.last_mut() {
                Some((last, rows)) if *last == slot => *rows = end,
                _ => ends.push((slot, end)),
            }
        }
        Self {
            slots,
            first_row,
            ends: ends.into(),
        }
    }

    /// The rows, of `rows` rows of the block, whose slot is in the set.
    pub(super) fn kept(&self, set: &SlotSet, rows: u32) -> KeptRows {
        let kept = self.ends.iter().filter(|(slot, _)| set.contains(*slot)).count();
        if kept == 0 {
            return KeptRows::Nothing;
        }
        if kept == self.ends.len() {
            return KeptRows::All;
        }
        let (mut out, mut begin) = (RowSet::empty(rows), self.first_row);
        for (slot, end) in &self.ends {
            if set.contains(*slot) {
                out.insert_range(begin..*end);
            }
            begin = *end;
        }
        KeptRows::Some(out)
    }

    /// Of how many slots.
    pub(super) fn slots(&self) -> u16 {
        self.slots
    }

    /// The slots with rows, ascending, each with the row after its last.
    pub(super) fn ends(&self) -> &[(Slot, u32)] {
        &self.ends
    }

    /// Bytes of memory held.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.ends)
    }
}

/// Stands for the stream in the key of what is kept.
pub(super) const NO_STREAM: u16 = u16::MAX;

/// Reads the trace ids of a tenant, or takes what an earlier request made of them.
pub(super) fn of_block(
    block: &Block,
    pages: &mut Pages<'_>,
    tenant: TenantId,
    slots: u16,
) -> Result<Arc<SlotRows>, StorageError> {
    let Some(rows) = block.header.tenants.iter().find(|t| t.tenant == tenant.0) else {
        return Ok(SlotRows::new(slots, 0, std::iter::empty()).into());
    };
    let key = (block.id, NO_STREAM, rows.first_row);
    let cache = block.chunks.pages();
    if let Some(Cached::Slots(known)) = cache.and_then(|cache| cache.get(key))
        && known.slots == slots
    {
        return Ok(known);
    }
    let (columns, traces) = (
        &block.header.columns.trace,
        rows.first_trace..rows.first_trace + rows.traces,
    );
    let ids = pages.fixed(&columns.trace_id, traces.clone())?;
    let mut ends = Vec::with_capacity(traces.len());
    pages.ints(&columns.rows_end, traces, &mut ends)?;
    let ids = ids.as_chunks::<16>().0.iter().map(|id| TraceId(*id));
    let ends = ends.into_iter().map(|end| end as u32);
    let found = Arc::new(SlotRows::new(slots, rows.first_row, ids.zip(ends)));
    if let Some(cache) = cache {
        cache.insert(key, Cached::Slots(found.clone()));
    }
    Ok(found)
}
