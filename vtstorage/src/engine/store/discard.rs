//! Dropping what a node no longer has to keep: some slots of some epochs. Heads that hold any of it become blocks first;
//! each block with such rows is replaced by one without them, in one step, as a merge does. Running queries go on with
//! the blocks that they see.

use super::engine::{Engine, blocking};
use super::flush;
use super::merge::Traces;
use super::shared::Shared;
use super::view::View;
use crate::engine::batch::SpanBatch;
use crate::engine::block::{BlockRows, KeptRows, StoredBlock, encode};
use crate::engine::error::StorageError;
use crate::engine::rows::RowSet;
use common::cluster::{Scope, Slot, SlotSet};
use common::ids::TenantId;
use std::ops::Range;
use std::sync::Arc;

impl Engine {
    /// Drops the rows of a scope, durably: none of them is in a view taken after this returns, nor comes back with a
    /// restart. Nothing of the scope may be written meanwhile. Gives the number of rows that were dropped.
    ///
    /// # Errors
    /// When the disk fails, or a block with such rows cannot be read. What was dropped until then stays so.
    pub async fn discard(&self, scope: Scope) -> Result<u64, StorageError> {
        let shared = self.shared.clone();
        let in_heads = in_heads(&self.view(), &scope);
        if in_heads {
            let sealed = blocking(move || shared.open().map(|()| shared.live.seal())).await?;
            if let Some(upto) = sealed {
                flush::flushed(&self.shared, upto).await?;
            }
        }
        let shared = self.shared.clone();
        blocking(move || shared.discard_from_blocks(&scope)).await
    }

    /// The number of rows in a scope.
    ///
    /// # Errors
    /// When a block cannot be read.
    pub async fn rows_within(&self, scope: Scope) -> Result<u64, StorageError> {
        let view = self.view();
        blocking(move || {
            let mut rows = 0;
            for block in view.blocks() {
                rows += doomed(block, &scope)?
                    .iter()
                    .map(|part| u64::from(part.rows.count()))
                    .sum::<u64>();
            }
            for head in view.batches() {
                let slots = scope.slots_at(head.batch.epoch);
                let within = head
                    .batch
                    .rows
                    .iter()
                    .filter(|row| slots.contains(Slot::of_hash(row.hash, scope.slots)));
                rows += within.count() as u64;
            }
            Ok(rows)
        })
        .await
    }
}

fn in_heads(view: &View, scope: &Scope) -> bool {
    view.batches().any(|head| {
        let slots = scope.slots_at(head.batch.epoch);
        let mut rows = head.batch.rows.iter();
        !slots.is_empty() && rows.any(|row| slots.contains(Slot::of_hash(row.hash, scope.slots)))
    })
}

/// The rows of one tenant in a block that are to go.
struct Doomed {
    tenant: TenantId,
    rows: RowSet,
}

/// What of a block is to go; nothing for most.
fn doomed(block: &StoredBlock, scope: &Scope) -> Result<Vec<Doomed>, StorageError> {
    let slots: SlotSet = scope.slots_at(block.epoch());
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let block = block.open()?;
    let mut rows = block.rows(true);
    let mut all = Vec::new();
    for of_tenant in &block.header.tenants {
        let tenant = TenantId(of_tenant.tenant);
        let kept = match rows.slots_kept(tenant, scope.slots, &slots)? {
            KeptRows::Nothing => continue,
            KeptRows::Some(kept) => kept,
            KeptRows::All => RowSet::of_range(
                block.header.rows,
                of_tenant.first_row..of_tenant.first_row + of_tenant.rows,
            ),
        };
        all.push(Doomed { tenant, rows: kept });
    }
    Ok(all)
}

/// A block read to be replaced.
struct Input {
    block: Arc<StoredBlock>,
    /// What stays of it
    batches: Vec<Arc<SpanBatch>>,
    /// Its index entries
    traces: Traces,
    dropped: u64,
}

impl Input {
    fn read(block: Arc<StoredBlock>, doomed: &[Doomed]) -> Result<Self, StorageError> {
        let open = block.open()?;
        let mut rows = open.rows(true);
        let (mut batches, mut traces, mut dropped) = (Vec::new(), Traces::new(), 0);
        for of_tenant in &open.header.tenants {
            let tenant = TenantId(of_tenant.tenant);
            let all = of_tenant.first_row..of_tenant.first_row + of_tenant.rows;
            let mut stay = RowSet::of_range(open.header.rows, all);
            if let Some(doomed) = doomed.iter().find(|doomed| doomed.tenant == tenant) {
                stay.subtract(&doomed.rows);
                dropped += u64::from(doomed.rows.count());
                // Only for their index entries.
                traces.extend(hashes(&read(&mut rows, &doomed.rows)?));
            }
            if !stay.is_empty() {
                let batch = read(&mut rows, &stay)?;
                traces.extend(hashes(&batch));
                batches.push(Arc::new(batch));
            }
        }
        drop(rows);
        traces.sort_unstable();
        traces.dedup();
        // The stored header goes with the commit; queries with older views go on reading the block.
        block.hold(open.header);
        Ok(Self {
            block,
            batches,
            traces,
            dropped,
        })
    }
}

fn read(rows: &mut BlockRows<'_>, wanted: &RowSet) -> Result<SpanBatch, StorageError> {
    let ranges: Vec<Range<u32>> = wanted.ranges();
    rows.read_rows(&ranges)
}

fn hashes(batch: &SpanBatch) -> impl Iterator<Item = (TenantId, u64)> + '_ {
    batch.rows.iter().map(|row| (batch.tenant, row.hash))
}

impl Shared {
    /// Until no block has rows of the scope: a merge may bring one up while others are being replaced.
    fn discard_from_blocks(&self, scope: &Scope) -> Result<u64, StorageError> {
        let mut dropped = 0;
        loop {
            let mut clean = true;
            for block in self.live.view().blocks() {
                self.open()?;
                let doomed = doomed(block, scope).inspect_err(|e| self.unreadable(block, e))?;
                if !doomed.is_empty() {
                    clean = false;
                    dropped += self.replace_without(block.clone(), &doomed)?;
                }
            }
            if clean {
                self.purge()?;
                return Ok(dropped);
            }
        }
    }

    /// Replaces a block, unless a merge has meanwhile. Gives the number of rows that are gone.
    fn replace_without(&self, block: Arc<StoredBlock>, doomed: &[Doomed]) -> Result<u64, StorageError> {
        let Input {
            block,
            batches,
            traces,
            dropped,
        } = Input::read(block.clone(), doomed).inspect_err(|e| self.unreadable(&block, e))?;
        let blocks = encode(&batches, &self.block_options())?;
        drop(batches);
        let (day, id) = (block.day, block.id);
        let replaced = self.replace_blocks(day, &[(block, traces)], blocks)?;
        tracing::debug!(day, block = id.0, dropped, replaced, "dropped rows of a block");
        Ok(if replaced { dropped } else { 0 })
    }
}
