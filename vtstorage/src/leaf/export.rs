//! What a node holds of a scope, as messages that another node can store: for transfers. Nothing is left out that cannot
//! be read: then it fails.

use super::scope::RowScope;
use crate::engine::batch::SpanBatch;
use crate::engine::block::{Block, KeptRows, StoredBlock};
use crate::engine::error::StorageError;
use crate::engine::rows::{RowSet, RowSource};
use crate::engine::store::{BlockFinder, Engine, View};
use common::cluster::{ReplicaWrite, RequestPart, Scope, Slot, SlotSet};
use common::ids::{RequestId, TenantId};
use common::otlp::write::MessageWriter;
use common::time::{NANOS_PER_DAY, TimeRange, UnixNanos};
use futures::stream::BoxStream;
use std::ops::Range;
use tokio::sync::mpsc;

#[cfg(test)]
mod tests;

/// Rows that are read at a time.
const ROWS: usize = 1_024;
/// About how large a message becomes, before compression.
const MESSAGE: usize = 1 << 20;
/// Messages that wait to be taken.
const WAITING: usize = 2;
/// Fast: it is read once, and encoded otherwise then.
const LEVEL: i32 = 1;

/// Messages, or why there are no more.
pub type Exports = BoxStream<'static, Result<ReplicaWrite, StorageError>>;

impl Engine {
    /// All spans in a scope, each once, as messages of one tenant and epoch whose one part bears no request id. What is
    /// stored while they are taken may be missing. Dropping the stream ends the reading.
    pub fn export(&self, scope: Scope) -> Exports {
        self.export_of(scope, None)
    }

    /// As [`Self::export`], of one day (since 1970-01-01, UTC) if any.
    pub fn export_of(&self, scope: Scope, day: Option<u32>) -> Exports {
        let (sender, receiver) = mpsc::channel(WAITING);
        let (view, damaged) = self.view_of(day.map_or(TimeRange::ALL, range_of), Some(&scope));
        let finder = self.block_finder();
        tokio::task::spawn_blocking(move || {
            let export = Export {
                slots: scope.slots,
                day,
                finder,
                scope: RowScope::new(scope),
                sender: sender.clone(),
            };
            let outcome = match damaged {
                true => Err(Stop::Failed(StorageError::corrupt(
                    "store",
                    "some of it cannot be read",
                ))),
                false => export.view(&view),
            };
            if let Err(Stop::Failed(why)) = outcome {
                // Nobody need listen any more.
                let _ = sender.blocking_send(Err(why));
            }
        });
        Box::pin(futures::stream::unfold(receiver, |mut receiver| async move {
            let next = receiver.recv().await?;
            Some((next, receiver))
        }))
    }
}

fn range_of(day: u32) -> TimeRange {
    let first = u64::from(day) * NANOS_PER_DAY;
    TimeRange::new(UnixNanos(first), UnixNanos(first + (NANOS_PER_DAY - 1)))
}

/// Why an export ends early.
enum Stop {
    Failed(StorageError),
    /// Nobody takes what it gives
    Left,
}

impl From<StorageError> for Stop {
    fn from(why: StorageError) -> Self {
        Self::Failed(why)
    }
}

struct Export {
    slots: u16,
    day: Option<u32>,
    finder: BlockFinder,
    scope: RowScope,
    sender: mpsc::Sender<Result<ReplicaWrite, StorageError>>,
}

impl Export {
    fn view(&self, view: &View) -> Result<(), Stop> {
        let wanted = |day| self.day.is_none_or(|wanted| wanted == day);
        let blocks = view
            .blocks()
            .filter(|block| wanted(block.day) && self.scope.has_epoch(block.epoch()));
        for block in blocks {
            self.whole_block(block).inspect_err(|stop| {
                if let Stop::Failed(why) = stop {
                    self.finder.unreadable(block, why);
                }
            })?;
        }
        for head in view.batches() {
            let rows = head.batch.rows.len() as u32;
            let kept = match self.scope.of_batch(&head.batch) {
                KeptRows::Nothing => continue,
                KeptRows::All => RowSet::of_range(rows, 0..rows),
                KeptRows::Some(kept) => kept,
            };
            let start = |row: &usize| head.batch.rows.get(*row).map_or(0, |row| row.start);
            let kept = kept.iter().map(|row| row as usize);
            let kept: Vec<usize> = kept.filter(|row| wanted(UnixNanos(start(row)).day())).collect();
            self.batch(&head.batch, &kept)?;
        }
        Ok(())
    }

    fn whole_block(&self, block: &StoredBlock) -> Result<(), Stop> {
        let block = block.open()?;
        let mut tenants = block.header.tenants.iter();
        tenants.try_for_each(|tenant| self.block(&block, TenantId(tenant.tenant)))
    }

    fn block(&self, block: &Block, tenant: TenantId) -> Result<(), Stop> {
        let mut rows = block.rows(true);
        let kept = match self.scope.of_block(block.epoch(), tenant, &mut rows)? {
            KeptRows::Nothing => return Ok(()),
            KeptRows::All => RowSet::of_range(block.header.rows, rows.tenant_rows(tenant)),
            KeptRows::Some(kept) => kept,
        };
        for ranges in portions(&kept.ranges(), ROWS) {
            let batch = rows.read_rows(&ranges)?;
            let all: Vec<usize> = (0..batch.rows.len()).collect();
            self.batch(&batch, &all)?;
        }
        Ok(())
    }

    fn batch(&self, batch: &SpanBatch, rows: &[usize]) -> Result<(), Stop> {
        let each = batch.memory_bytes() / batch.rows.len().max(1);
        for rows in rows.chunks((MESSAGE / each.max(1)).max(1)) {
            let write = message(batch, rows, self.slots)?;
            self.sender.blocking_send(Ok(write)).map_err(|_| Stop::Left)?;
        }
        Ok(())
    }
}

/// Some rows of a batch as a write whose one part has no request id. `slots` is the cluster's number of them.
pub(super) fn message(batch: &SpanBatch, rows: &[usize], slots: u16) -> Result<ReplicaWrite, StorageError> {
    let mut out = MessageWriter::with_capacity(MESSAGE);
    batch.write_otlp(rows.to_vec(), &mut out)?;
    let otlp = out.finish();
    let length = u32::try_from(otlp.len()).map_err(|_| StorageError::corrupt("spans", "more than 4 GiB at once"))?;
    let hashes = rows.iter().filter_map(|row| batch.rows.get(*row)).map(|row| row.hash);
    let slots: SlotSet = hashes.map(|hash| Slot::of_hash(hash, slots)).collect();
    let payload = zstd::bulk::compress(&otlp, LEVEL).map_err(|e| StorageError::Directory(e.to_string()))?;
    Ok(ReplicaWrite {
        tenant: batch.tenant,
        epoch: batch.epoch,
        parts: vec![RequestPart {
            id: RequestId::default(),
            slots,
            bytes: length,
        }],
        length,
        payload: payload.into(),
        compressed: true,
    })
}

/// Ranges cut into portions of up to so many rows.
fn portions(ranges: &[Range<u32>], rows: usize) -> Vec<Vec<Range<u32>>> {
    let (mut portions, mut portion, mut taken) = (Vec::new(), Vec::new(), 0);
    for range in ranges {
        let mut range = range.clone();
        while !range.is_empty() {
            let part = range.len().min(rows - taken);
            let end = range.start + part as u32;
            portion.push(range.start..end);
            (range.start, taken) = (end, taken + part);
            if taken == rows {
                portions.push(std::mem::take(&mut portion));
                taken = 0;
            }
        }
    }
    portions.extend(Some(portion).filter(|portion| !portion.is_empty()));
    portions
}
