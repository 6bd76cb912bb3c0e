//! One query at work: its plan, what it looks at, and its limits.

use super::filter::{Bound, RowFilter};
use crate::engine::batch::BatchRows;
use crate::engine::block::Block;
use crate::engine::error::StorageError;
use crate::engine::rows::RowSource;
use crate::engine::store::{HeadBatch, View, WorkPool};
use common::contract::{QueryContext, QueryError};
use common::ids::TenantId;
use common::query::{Plan, ScanStats, SpanField};
use common::time::UnixNanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Finds the blocks of a trace.
pub trait TraceIndex: Send + Sync + 'static {
    /// The blocks of `view` that may hold spans of the trace of `tenant` whose id has this hash.
    fn blocks_of_trace(&self, view: &View, tenant: TenantId, hash: u64) -> Result<Vec<Arc<Block>>, StorageError>;
}

/// A query on its way over the stored spans; shared by the threads that work on it.
pub(super) struct Query {
    pub(super) plan: Plan,
    pub(super) filter: RowFilter,
    pub(super) context: QueryContext,
    pub(super) view: View,
    pub(super) index: Arc<dyn TraceIndex>,
    pub(super) pool: Arc<WorkPool>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    blocks_considered: AtomicU64,
    blocks_scanned: AtomicU64,
    rows_scanned: AtomicU64,
    bytes_read: AtomicU64,
}

impl Query {
    /// Fails on a filter that cannot be compiled.
    pub(super) fn new(
        plan: Plan,
        context: QueryContext,
        view: View,
        index: Arc<dyn TraceIndex>,
        pool: Arc<WorkPool>,
    ) -> Result<Self, QueryError> {
        let filter = RowFilter::compile(&plan.filter)?;
        Ok(Self {
            plan,
            filter,
            context,
            view,
            index,
            pool,
            counters: Counters::default(),
        })
    }

    pub(super) fn tenant(&self) -> TenantId {
        self.plan.tenant
    }

    /// The plan's time range as a bound on rows.
    pub(super) fn range(&self) -> Bound {
        Bound {
            field: SpanField::Start,
            min: self.plan.range.start.0,
            max: self.plan.range.end.0,
        }
    }

    /// The batches of the plan's tenant that are not in blocks yet.
    pub(super) fn heads(&self) -> impl Iterator<Item = &HeadBatch> {
        self.view
            .batches()
            .filter(|head| head.batch.tenant == self.plan.tenant && !head.batch.rows.is_empty())
    }

    /// Those with spans in the time range.
    pub(super) fn heads_within(&self) -> impl Iterator<Item = &HeadBatch> {
        let range = self.plan.range;
        self.heads()
            .filter(move |head| range.overlaps(UnixNanos(head.min_start), UnixNanos(head.max_start)))
    }

    /// The blocks that may hold spans of the plan's tenant in its time range that its filter holds for.
    pub(super) fn blocks_within(&self) -> Result<Vec<Arc<Block>>, StorageError> {
        let (tenant, range) = (self.plan.tenant, self.plan.range);
        let mut blocks = match self.filter.traces() {
            Some(traces) => {
                let mut blocks = Vec::new();
                for trace in traces {
                    blocks.extend(self.index.blocks_of_trace(&self.view, tenant, trace.hash())?);
                }
                blocks.sort_by_key(|block| (block.day, block.id));
                blocks.dedup_by_key(|block| (block.day, block.id));
                blocks
            }
            None => self
                .view
                .partitions_within(range)
                .flat_map(|partition| &partition.blocks)
                .cloned()
                .collect(),
        };
        self.counters
            .blocks_considered
            .fetch_add(blocks.len() as u64, Ordering::Relaxed);
        blocks.retain(|block| {
            let header = &block.header;
            range.overlaps(UnixNanos(header.min_start), UnixNanos(header.max_start))
                && !header.tenant_rows(tenant).is_empty()
        });
        Ok(blocks)
    }

    /// The rows of a head batch.
    pub(super) fn head_rows<'a>(&self, head: &'a HeadBatch) -> Result<BatchRows<'a>, StorageError> {
        self.context.check()?;
        Ok(BatchRows::with_start_range(
            &head.batch,
            (head.min_start, head.max_start),
        ))
    }

    /// Calls `read` with the rows of a block. A `scan` reads most of it and will not come back soon.
    pub(super) fn read_block<T>(
        &self,
        block: &Block,
        scan: bool,
        read: impl FnOnce(&mut crate::engine::block::BlockRows<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.context.check()?;
        let mut rows = block.rows(scan);
        let outcome = read(&mut rows);
        self.counters.bytes_read.fetch_add(rows.bytes_read(), Ordering::Relaxed);
        outcome
    }

    /// Notes that columns of `rows` rows were looked at.
    pub(super) fn count_rows(&self, rows: &dyn RowSource) {
        let rows = rows.tenant_rows(self.plan.tenant).len() as u64;
        self.counters.rows_scanned.fetch_add(rows, Ordering::Relaxed);
    }

    pub(super) fn count_block(&self) {
        self.counters.blocks_scanned.fetch_add(1, Ordering::Relaxed);
    }

    /// What was scanned since the last call.
    pub(super) fn take_stats(&self) -> ScanStats {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        ScanStats {
            blocks_considered: take(&self.counters.blocks_considered),
            blocks_scanned: take(&self.counters.blocks_scanned),
            rows_scanned: take(&self.counters.rows_scanned),
            bytes_read: take(&self.counters.bytes_read),
        }
    }
}
