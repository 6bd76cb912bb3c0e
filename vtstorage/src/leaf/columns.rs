//! Counts by column of the spans that show something in it.

use super::fanout;
use super::query::Query;
use crate::engine::batch::SpanReader;
use crate::engine::block::StoredBlock;
use crate::engine::error::StorageError;
use crate::engine::store::HeadBatch;
use common::query::{Column, present_columns};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Spans by column.
type Counts = BTreeMap<Column, u64>;

/// The columns of the spans that match the plan.
pub(super) fn count(query: &Arc<Query>) -> Result<Counts, StorageError> {
    let work = Arc::new(Work {
        query: query.clone(),
        blocks: query.blocks_within()?,
        heads: query.heads_within().cloned().collect(),
        all: Mutex::default(),
    });
    let shared = work.clone();
    let parts = work.blocks.len() + work.heads.len();
    fanout::for_each(&query.pool, query.pool.threads(), parts, move |part| shared.part(part))?;
    Ok(std::mem::take(&mut *work.all.lock()))
}

/// A count at work.
struct Work {
    query: Arc<Query>,
    blocks: Vec<Arc<StoredBlock>>,
    heads: Vec<HeadBatch>,
    all: Mutex<Counts>,
}

impl Work {
    fn part(&self, part: usize) -> Result<ControlFlow<()>, StorageError> {
        let mut counts = Counts::new();
        match self.blocks.get(part) {
            Some(block) => self.of_block(block, &mut counts)?,
            None => {
                let head = part
                    .checked_sub(self.blocks.len())
                    .and_then(|head| self.heads.get(head));
                head.map_or(Ok(()), |head| self.of_head(head, &mut counts))?;
            }
        }
        let mut all = self.all.lock();
        for (column, count) in counts {
            *all.entry(column).or_default() += count;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn of_block(&self, block: &StoredBlock, counts: &mut Counts) -> Result<(), StorageError> {
        let query = &self.query;
        query.read_block(block, false, |rows| {
            let Some(matching) = query.filter.select(rows, query.tenant(), &[query.range()])? else {
                return Ok(());
            };
            query.count_block();
            query.count_rows(rows);
            if matching.is_empty() {
                return Ok(());
            }
            rows.count_present(&matching, &mut || Ok(query.context.check()?), &mut |column, spans| {
                *counts.entry(column).or_default() += spans;
            })
        })
    }

    /// Heads are small: their spans are looked at one by one.
    fn of_head(&self, head: &HeadBatch, counts: &mut Counts) -> Result<(), StorageError> {
        let query = &self.query;
        let mut rows = query.head_rows(head)?;
        let Some(matching) = query.filter.select(&mut rows, query.tenant(), &[query.range()])? else {
            return Ok(());
        };
        query.count_rows(&rows);
        let mut reader = SpanReader::new(&head.batch);
        for (i, row) in matching.iter().enumerate() {
            if i % SPANS_PER_CHECK == 0 {
                query.context.check()?;
            }
            let span = reader.span(row as usize)?;
            present_columns(&span, &mut |column| *counts.entry(column).or_default() += 1);
        }
        Ok(())
    }
}

/// Spans between looks at the limits of the query.
const SPANS_PER_CHECK: usize = 1_024;
