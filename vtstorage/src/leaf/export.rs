//! What a node holds of a scope, as messages that another node can store: for transfers. Nothing is left out that cannot
//! be read: then it fails.

use super::scope::RowScope;
use crate::engine::batch::SpanBatch;
use crate::engine::block::{Block, KeptRows};
use crate::engine::error::StorageError;
use crate::engine::rows::{RowSet, RowSource};
use crate::engine::store::{Engine, View};
use common::cluster::{ReplicaWrite, RequestPart, Scope, Slot, SlotSet};
use common::ids::{RequestId, TenantId};
use common::otlp::write::MessageWriter;
use common::time::TimeRange;
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
        let (view, (sender, receiver)) = (self.view(), mpsc::channel(WAITING));
        let damaged = self.lacks_damaged(&view, TimeRange::ALL);
        tokio::task::spawn_blocking(move || {
            let export = Export {
                slots: scope.slots,
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
    scope: RowScope,
    sender: mpsc::Sender<Result<ReplicaWrite, StorageError>>,
}

impl Export {
    fn view(&self, view: &View) -> Result<(), Stop> {
        for block in view.blocks().filter(|block| self.scope.has_epoch(block.epoch())) {
            let block = block.open()?;
            for tenant in &block.header.tenants {
                self.block(&block, TenantId(tenant.tenant))?;
            }
        }
        for head in view.batches() {
            let rows = head.batch.rows.len() as u32;
            let kept = match self.scope.of_batch(&head.batch) {
                KeptRows::Nothing => continue,
                KeptRows::All => RowSet::of_range(rows, 0..rows),
                KeptRows::Some(kept) => kept,
            };
            let kept: Vec<usize> = kept.iter().map(|row| row as usize).collect();
            self.batch(&head.batch, &kept)?;
        }
        Ok(())
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
            let write = self.message(batch, rows)?;
            self.sender.blocking_send(Ok(write)).map_err(|_| Stop::Left)?;
        }
        Ok(())
    }

    fn message(&self, batch: &SpanBatch, rows: &[usize]) -> Result<ReplicaWrite, StorageError> {
        let mut out = MessageWriter::with_capacity(MESSAGE);
        batch.write_otlp(rows.to_vec(), &mut out)?;
        let otlp = out.finish();
        let length =
            u32::try_from(otlp.len()).map_err(|_| StorageError::corrupt("spans", "more than 4 GiB at once"))?;
        let hashes = rows.iter().filter_map(|row| batch.rows.get(*row)).map(|row| row.hash);
        let slots: SlotSet = hashes.map(|hash| Slot::of_hash(hash, self.slots)).collect();
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
