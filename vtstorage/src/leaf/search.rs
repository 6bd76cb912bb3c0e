//! Finds the newest or slowest traces with a matching span. Blocks are walked from the newest; what is found narrows
//! what can still be of use, and the walk ends where nothing older can change the answer.

use super::fanout;
use super::filter::Bound;
use super::query::Query;
use super::top::Top;
use crate::engine::block::StoredBlock;
use crate::engine::error::StorageError;
use crate::engine::rows::{Loaded, LoadedRows, RowSet, RowSource, Values};
use crate::engine::store::HeadBatch;
use common::ids::TraceId;
use common::query::{Column, Order, SpanField};
use common::value::AttrValue;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The first `limit` matching traces and their ranks.
pub(super) fn search(query: &Arc<Query>, limit: usize, order: Order) -> Result<Vec<(u64, TraceId)>, StorageError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut top = Top::new(limit);
    let mut heads: Vec<&HeadBatch> = query.heads_within().collect();
    heads.sort_by_key(|head| std::cmp::Reverse(head.max_start));
    for head in heads {
        if is_over(&top, order, head.max_start) {
            break;
        }
        let found = of_source(query, &mut query.head_rows(head)?, limit, order, top.threshold())?;
        top.add(found.unwrap_or_default());
    }
    let mut blocks = query.blocks_within()?;
    blocks.sort_by_key(|block| std::cmp::Reverse(block.summary.max_start));
    Ok(of_blocks(query, blocks, limit, order, top)?.into_best())
}

fn of_blocks(
    query: &Arc<Query>,
    blocks: Vec<Arc<StoredBlock>>,
    limit: usize,
    order: Order,
    top: Top,
) -> Result<Top, StorageError> {
    let walk = Arc::new(Walk {
        query: query.clone(),
        blocks,
        limit,
        order,
        top: Mutex::new(top),
    });
    // The newest block mostly has the whole answer: nobody need help before that is known.
    if !walk.blocks.is_empty() && walk.block(0)?.is_continue() {
        let (shared, parts) = (walk.clone(), walk.blocks.len() - 1);
        fanout::for_each(&query.pool, query.pool.threads(), parts, move |part| {
            shared.block(part + 1)
        })?;
    }
    let top = walk.top.lock().clone();
    Ok(top)
}

/// A walk over blocks, the newest first.
struct Walk {
    query: Arc<Query>,
    blocks: Vec<Arc<StoredBlock>>,
    limit: usize,
    order: Order,
    top: Mutex<Top>,
}

impl Walk {
    /// Adds what block number `part` has; breaks where this and all further blocks are of no use.
    fn block(&self, part: usize) -> Result<ControlFlow<()>, StorageError> {
        let Some(block) = self.blocks.get(part) else {
            return Ok(ControlFlow::Break(()));
        };
        let threshold = {
            let top = self.top.lock();
            if is_over(&top, self.order, block.summary.max_start) {
                return Ok(ControlFlow::Break(()));
            }
            top.threshold()
        };
        let found = self.query.read_block(block, false, |rows| {
            let found = of_source(&self.query, rows, self.limit, self.order, threshold)?;
            if found.is_some() {
                self.query.count_block();
            }
            Ok(found.unwrap_or_default())
        })?;
        self.top.lock().add(found);
        Ok(ControlFlow::Continue(()))
    }
}

/// Whether no span that starts at `max_start` or before can get into `top`.
fn is_over(top: &Top, order: Order, max_start: u64) -> bool {
    order == Order::Newest && top.threshold().is_some_and(|least| least > max_start)
}

/// The best traces of one source with their ranks; `None` where its statistics rule it out.
fn of_source(
    query: &Query,
    rows: &mut dyn RowSource,
    limit: usize,
    order: Order,
    threshold: Option<u64>,
) -> Result<Option<HashMap<TraceId, u64>>, StorageError> {
    let mut range = query.range();
    let least = threshold.unwrap_or_default();
    let found = match order {
        Order::Newest => {
            range.min = range.min.max(least);
            query.filter.select(rows, query.tenant(), &[range])?
        }
        Order::Slowest => {
            let duration = Bound {
                field: SpanField::Duration,
                min: least,
                max: u64::MAX,
            };
            query.filter.select(rows, query.tenant(), &[duration, range])?
        }
    };
    let Some(matching) = found else { return Ok(None) };
    query.count_rows(rows);
    if matching.is_empty() {
        return Ok(Some(HashMap::new()));
    }
    let field = match order {
        Order::Newest => SpanField::Start,
        Order::Slowest => SpanField::Duration,
    };
    let ranked = numbers(rows, field, &matching)?;
    best_traces(rows, ranked, limit).map(Some)
}

/// The number that `field` is in each row of `want`.
fn numbers(rows: &mut dyn RowSource, field: SpanField, want: &RowSet) -> Result<Vec<(u64, u32)>, StorageError> {
    let Some(Loaded { rows: at, values }) = rows.load(&Column::Field(field), want)? else {
        return Ok(Vec::new());
    };
    let mut out = Vec::with_capacity(want.count() as usize);
    let mut keep = |row: u32, number: u64| {
        if want.contains(row) {
            out.push((number, row));
        }
    };
    match values {
        Values::UInt(numbers) => match at {
            // Few of many: each is looked up.
            LoadedRows::Dense { start } => {
                let number = |row: u32| Some((numbers.get(row.checked_sub(start)? as usize)?, row));
                out.extend(want.iter().filter_map(number));
            }
            at => {
                let rows = at.row_numbers(numbers.len());
                rows.zip(numbers.iter()).for_each(|(row, number)| keep(row, number));
            }
        },
        Values::Const {
            value: AttrValue::Int(number),
            count,
        } => {
            at.row_numbers(count).for_each(|row| keep(row, number.cast_unsigned()));
        }
        _ => {
            return Err(StorageError::corrupt(
                "column",
                "times and durations are unsigned numbers",
            ));
        }
    }
    Ok(out)
}

/// Of the `limit` traces with the best ranks, and of more, the ranks. Trace ids are read for few rows only: those of
/// the best ranks, and more of them while they belong to too few traces.
fn best_traces(
    rows: &mut dyn RowSource,
    mut ranked: Vec<(u64, u32)>,
    limit: usize,
) -> Result<HashMap<TraceId, u64>, StorageError> {
    let mut take = limit.saturating_mul(ROWS_PER_TRACE).max(MIN_ROWS);
    loop {
        let boundary = match take.checked_sub(1) {
            Some(last) if last < ranked.len() => ranked.select_nth_unstable_by(last, |a, b| b.cmp(a)).1.0,
            _ => 0,
        };
        let best = ranked.iter().filter(|(rank, _)| *rank >= boundary);
        let traces = traces_of(rows, best)?;
        if traces.len() >= limit || boundary == 0 {
            return Ok(traces);
        }
        take = take.saturating_mul(8);
    }
}

/// A guess: how many matching spans a trace has.
const ROWS_PER_TRACE: usize = 4;
const MIN_ROWS: usize = 64;

/// The traces that rows belong to, each with its best rank.
fn traces_of<'a>(
    rows: &mut dyn RowSource,
    ranked: impl Iterator<Item = &'a (u64, u32)>,
) -> Result<HashMap<TraceId, u64>, StorageError> {
    let mut by_row: Vec<(u32, u64)> = ranked.map(|(rank, row)| (*row, *rank)).collect();
    by_row.sort_unstable();
    let mut want = RowSet::empty(rows.rows());
    by_row.iter().for_each(|(row, _)| want.insert(*row));
    let mut traces = HashMap::new();
    let Some(Loaded {
        rows: at,
        values: Values::TraceIds(ids),
    }) = rows.load(&Column::Field(SpanField::TraceId), &want)?
    else {
        return Err(StorageError::corrupt("column", "every row has a trace id"));
    };
    let mut wanted = by_row.iter().peekable();
    for (row, id) in at.row_numbers(ids.len()).zip(&ids) {
        while wanted.next_if(|(wanted, _)| *wanted < row).is_some() {}
        if let Some((_, rank)) = wanted.next_if(|(wanted, _)| *wanted == row) {
            let best = traces.entry(*id).or_insert(*rank);
            *best = (*best).max(*rank);
        }
    }
    Ok(traces)
}
