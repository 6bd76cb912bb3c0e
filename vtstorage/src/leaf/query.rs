//! One query at work: its plan, what it looks at, and its limits.

use super::filter::{Bound, RowFilter};
use super::scope::RowScope;
use crate::engine::batch::BatchRows;
use crate::engine::block::{BlockRows, KeptRows, StoredBlock};
use crate::engine::error::StorageError;
use crate::engine::rows::{RowSet, RowSource};
use crate::engine::store::{HeadBatch, View, WorkPool};
use common::cluster::Scope;
use common::contract::{QueryContext, QueryError};
use common::ids::{Epoch, TenantId};
use common::query::{Plan, ScanStats, SpanField};
use common::time::UnixNanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Finds the blocks of a trace.
pub trait TraceIndex: Send + Sync + 'static {
    /// The blocks of `view` that may hold spans of the trace of `tenant` whose id has this hash.
    fn blocks_of_trace(&self, view: &View, tenant: TenantId, hash: u64) -> Result<Vec<Arc<StoredBlock>>, StorageError>;

    /// A block could not be read.
    fn unreadable(&self, _block: &StoredBlock, _why: &StorageError) {}
}

/// A query on its way over the stored spans; shared by the threads that work on it.
pub(super) struct Query {
    pub(super) plan: Plan,
    pub(super) filter: RowFilter,
    pub(super) context: QueryContext,
    pub(super) view: View,
    pub(super) index: Arc<dyn TraceIndex>,
    pub(super) pool: Arc<WorkPool>,
    /// What a query of a cluster is about
    scope: Option<RowScope>,
    on_damage: OnDamage,
    counters: Counters,
}

/// What becomes of a query over blocks that cannot be read.
enum OnDamage {
    /// It fails
    Fail,
    /// They are left out, and that is noted
    Note(Damage),
    /// They are left out and the answer is partial, or it fails where that is not allowed
    Partial,
}

/// Whether something that a query is about could not be read. To be asked when the answer has ended.
#[derive(Clone, Debug, Default)]
pub struct Damage(Arc<AtomicBool>);

impl Damage {
    pub fn is_found(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn found(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Spans that cannot be read are left out of an answer.
///
/// # Errors
/// Where it may not be partial.
pub(super) fn leave_out(context: &QueryContext) -> Result<(), QueryError> {
    if !context.is_partial_allowed() {
        return Err(QueryError::Unavailable(
            "some of the stored spans are damaged and cannot be read, and a partial answer is not allowed".into(),
        ));
    }
    context.mark_partial();
    Ok(())
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
            scope: None,
            on_damage: OnDamage::Fail,
            counters: Counters::default(),
        })
    }

    /// Restricts the query to a scope. Blocks that cannot be read no longer fail it: they are left out, and noted.
    pub(super) fn restrict(self, scope: Scope, damage: Damage) -> Self {
        Self {
            scope: Some(RowScope::new(scope)),
            on_damage: OnDamage::Note(damage),
            ..self
        }
    }

    /// Blocks that cannot be read no longer fail the query, if its answer may be partial.
    pub(super) fn or_partial(self) -> Self {
        Self {
            on_damage: OnDamage::Partial,
            ..self
        }
    }

    /// Whether it is a query of a cluster, about a scope.
    pub(super) fn is_restricted(&self) -> bool {
        self.scope.is_some()
    }

    /// Whether traces whose ids have this hash are in scope, as far as they were written under an epoch.
    pub(super) fn has(&self, epoch: Epoch, hash: u64) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.has(epoch, hash))
    }

    fn has_epoch(&self, epoch: Epoch) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.has_epoch(epoch))
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

    /// Those that may have spans in the time range and in scope.
    pub(super) fn heads_within(&self) -> impl Iterator<Item = &HeadBatch> {
        let range = self.plan.range;
        self.heads()
            .filter(|head| self.has_epoch(head.batch.epoch))
            .filter(move |head| range.overlaps(UnixNanos(head.min_start), UnixNanos(head.max_start)))
    }

    /// The blocks that may hold spans of the plan's tenant, in its time range and in scope, that its filter holds for.
    pub(super) fn blocks_within(&self) -> Result<Vec<Arc<StoredBlock>>, StorageError> {
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
            let block = &block.summary;
            range.overlaps(UnixNanos(block.min_start), UnixNanos(block.max_start))
                && block.tenants.binary_search(&tenant).is_ok()
                && self.has_epoch(block.epoch)
        });
        Ok(blocks)
    }

    /// The rows of a head batch, restricted to those in scope.
    pub(super) fn head_rows<'a>(&self, head: &'a HeadBatch) -> Result<BatchRows<'a>, StorageError> {
        self.context.check()?;
        let mut rows = BatchRows::with_start_range(&head.batch, (head.min_start, head.max_start));
        if let Some(scope) = &self.scope {
            match scope.of_batch(&head.batch) {
                KeptRows::All => {}
                KeptRows::Some(kept) => rows.restrict(kept),
                KeptRows::Nothing => rows.restrict(RowSet::empty(rows.rows())),
            }
        }
        Ok(rows)
    }

    /// Calls `read` with the rows of a block, restricted to those in scope; gives nothing where none is. A `scan` reads
    /// most of it and will not come back soon.
    pub(super) fn read_block<T: Default>(
        &self,
        block: &StoredBlock,
        scan: bool,
        read: impl FnOnce(&mut BlockRows<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.read_whole_block(block, scan, |rows| {
            match self.kept_of(block, rows)? {
                KeptRows::All => {}
                KeptRows::Some(kept) => rows.restrict(kept),
                KeptRows::Nothing => return Ok(T::default()),
            }
            read(rows)
        })
    }

    /// As [`Self::read_block`], whatever the scope: for spans that are looked up by their trace.
    pub(super) fn read_whole_block<T: Default>(
        &self,
        block: &StoredBlock,
        scan: bool,
        read: impl FnOnce(&mut BlockRows<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.context.check()?;
        let outcome = block.open().and_then(|block| {
            let mut rows = block.rows(scan);
            let outcome = read(&mut rows);
            self.counters.bytes_read.fetch_add(rows.bytes_read(), Ordering::Relaxed);
            outcome
        });
        outcome.or_else(|e| self.pass_over(block, e))
    }

    fn pass_over<T: Default>(&self, block: &StoredBlock, why: StorageError) -> Result<T, StorageError> {
        if !why.is_damage() {
            return Err(why);
        }
        self.index.unreadable(block, &why);
        match &self.on_damage {
            OnDamage::Fail => return Err(why),
            OnDamage::Note(damage) => damage.found(),
            OnDamage::Partial => leave_out(&self.context)?,
        }
        metrics::counter!("vt_unreadable_blocks_total").increment(1);
        tracing::error!(error = %why, ?block, "a block cannot be read; the answer lacks its spans");
        Ok(T::default())
    }

    fn kept_of(&self, block: &StoredBlock, rows: &mut BlockRows<'_>) -> Result<KeptRows, StorageError> {
        match &self.scope {
            Some(scope) => scope.of_block(block.epoch(), self.plan.tenant, rows),
            None => Ok(KeptRows::All),
        }
    }

    /// The number of spans of the plan's tenant in a block that are in scope; `None` where the block cannot be read.
    pub(super) fn count_of(&self, block: &StoredBlock) -> Result<Option<u64>, StorageError> {
        self.read_whole_block(block, false, |rows| {
            Ok(Some(match self.kept_of(block, rows)? {
                KeptRows::All => rows.tenant_rows(self.tenant()).len() as u64,
                KeptRows::Some(kept) => kept.count().into(),
                KeptRows::Nothing => 0,
            }))
        })
    }

    /// The same by minute of the day of their start; `None` where only reading them tells.
    pub(super) fn minutes_of(&self, block: &StoredBlock) -> Result<Option<Vec<(u16, u32)>>, StorageError> {
        self.read_whole_block(block, false, |rows| match &self.scope {
            Some(scope) => scope.minutes_of_block(block.epoch(), self.tenant(), rows),
            None => Ok(rows.minutes_of_tenant(self.tenant()).map(<[_]>::to_vec)),
        })
    }

    /// Notes that columns of `rows` rows were looked at.
    pub(super) fn count_rows(&self, rows: &dyn RowSource) {
        let rows = match rows.within() {
            Some(within) => u64::from(within.count()),
            None => rows.tenant_rows(self.plan.tenant).len() as u64,
        };
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
