//! Statistics over groups of spans. Each thread keeps the states of the groups that it has seen and adds source after
//! source to them; in the end they are merged. Within a source groups are small numbers: texts of keys and values are
//! looked at once for each distinct one, and numbers never become texts. Blocks that a count need not look into are
//! answered by their headers.

mod accumulator;
mod coded;
mod columns;
mod grouping;
mod headers;
mod members;
mod numbers;
mod prepared;
#[cfg(test)]
pub(super) mod tests;
mod uniq;
mod update;

use super::fanout;
use super::filter::Kept;
use super::query::Query;
use crate::engine::block::StoredBlock;
use crate::engine::error::StorageError;
use crate::engine::rows::RowSource;
use crate::engine::store::HeadBatch;
use accumulator::Accumulator;
use columns::Columns;
use common::query::Groups;
use grouping::Grouping;
use headers::HeaderCounts;
use members::Members;
use parking_lot::Mutex;
pub(super) use prepared::Aggregation;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The groups of the spans that match the plan, and how much memory was reserved for them.
pub(super) fn aggregate(query: &Arc<Query>, what: Arc<Aggregation>) -> Result<(Groups, usize), StorageError> {
    let mut first = Accumulator::new(&what);
    let mut blocks = query.blocks_within()?;
    if let Some(counts) = HeaderCounts::new(query, &what) {
        let mut rest = Vec::with_capacity(blocks.len());
        for block in blocks {
            if !counts.add(&mut first, &block)? {
                rest.push(block);
            }
        }
        blocks = rest;
    }
    let work = Arc::new(Work {
        query: query.clone(),
        first_kept: first_kept(&blocks, what.columns.len() + 1),
        what,
        blocks,
        heads: query.heads_within().cloned().collect(),
        idle: Mutex::new(vec![first]),
    });
    let shared = work.clone();
    let parts = work.blocks.len() + work.heads.len().div_ceil(HEADS_PER_PART);
    fanout::for_each(&query.pool, query.pool.threads(), parts, move |part| shared.part(part))?;
    let mut done = std::mem::take(&mut *work.idle.lock()).into_iter();
    let mut all = done.next().unwrap_or_else(|| Accumulator::new(&work.what));
    for other in done {
        query.context.check()?;
        all.merge(other);
    }
    all.account(&query.context)?;
    Ok(all.into_groups())
}

/// From which block on, oldest first, decoded columns are to be kept for the next query. A query over more than there is
/// room for would only drive out what others use, and find nothing of its own when it comes again.
fn first_kept(blocks: &[Arc<StoredBlock>], columns: usize) -> usize {
    let cache = blocks.first().and_then(|block| block.chunks().pages());
    let mut room = cache.map_or(0, |cache| cache.capacity() / 4 * 3);
    let does_not_fit = |block: &Arc<StoredBlock>| {
        let bytes = u64::from(block.summary.rows) * columns as u64 * BYTES_PER_VALUE;
        match room.checked_sub(bytes) {
            Some(left) => room = left,
            None => return true,
        }
        false
    };
    blocks.iter().rposition(does_not_fit).map_or(0, |last| last + 1)
}

/// About what a row takes of a decoded column.
const BYTES_PER_VALUE: u64 = 2;

/// Heads that are one piece of work: they are small.
const HEADS_PER_PART: usize = 8;

/// An aggregation at work.
struct Work {
    query: Arc<Query>,
    what: Arc<Aggregation>,
    blocks: Vec<Arc<StoredBlock>>,
    /// The first block whose decoded columns are kept
    first_kept: usize,
    heads: Vec<HeadBatch>,
    /// What threads know that are not at work: as many as ever worked at a time
    idle: Mutex<Vec<Accumulator>>,
}

impl Work {
    fn part(&self, part: usize) -> Result<ControlFlow<()>, StorageError> {
        let idle = self.idle.lock().pop();
        let mut all = idle.unwrap_or_else(|| Accumulator::new(&self.what));
        match self.blocks.get(part) {
            Some(block) => self.query.read_block(block, part < self.first_kept, |rows| {
                if self.add(&mut all, rows)? {
                    self.query.count_block();
                }
                Ok(())
            })?,
            None => {
                let first = (part - self.blocks.len()) * HEADS_PER_PART;
                for head in self.heads.iter().skip(first).take(HEADS_PER_PART) {
                    self.add(&mut all, &mut self.query.head_rows(head)?)?;
                }
            }
        }
        all.account(&self.query.context)?;
        self.idle.lock().push(all);
        Ok(ControlFlow::Continue(()))
    }

    /// Adds the matching rows of a source; false if its statistics ruled it out.
    fn add(&self, all: &mut Accumulator, source: &mut dyn RowSource) -> Result<bool, StorageError> {
        let (query, what) = (&self.query, &*self.what);
        let mut kept = Kept::new(&what.columns);
        let found = query
            .filter
            .select_keeping(source, query.tenant(), &[query.range()], &mut kept)?;
        let Some(matching) = found else { return Ok(false) };
        query.count_rows(source);
        if matching.is_empty() {
            return Ok(true);
        }
        let members = Members::new(&matching);
        let mut columns = Columns::new(&what.columns, kept, &members);
        let grouping = Grouping::new(what, &mut columns, source)?;
        let keys = grouping.keys.iter();
        let slots: Vec<Option<usize>> = keys.map(|key| Some(all.slot(what, key.as_deref()?))).collect();
        for (number, function) in what.functions.iter().enumerate() {
            let condition = match &function.condition {
                Some(condition) => Some(condition.narrow(source, query.tenant(), matching.clone())?),
                None => None,
            };
            function
                .columns
                .iter()
                .try_for_each(|column| columns.load(source, *column))?;
            let mut states = all.states(number, &slots);
            update::update(function, &columns, &grouping, condition.as_ref(), &mut states);
        }
        all.touch(&slots);
        Ok(true)
    }
}
