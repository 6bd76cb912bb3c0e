//! Where rows are read from: a head batch or a block.

use crate::engine::batch::{BatchRows, SpanReader};
use crate::engine::block::{BlockRows, StoredBlock};
use crate::engine::error::StorageError;
use crate::engine::rows::RowSource;
use crate::engine::store::HeadBatch;
use crate::leaf::query::Query;
use common::span::Span;
use std::ops::Range;
use std::sync::Arc;

pub(super) enum Source {
    Head(HeadBatch),
    Block(Arc<StoredBlock>),
}

/// A source that is being read.
pub(super) enum Reader<'r, 's> {
    Head(&'s HeadBatch, BatchRows<'s>),
    Block(&'r mut BlockRows<'s>),
}

impl Source {
    /// Latest start of its spans.
    pub(super) fn max_start(&self) -> u64 {
        match self {
            Self::Head(head) => head.max_start,
            Self::Block(block) => block.summary.max_start,
        }
    }

    /// No span is longer, as far as is known without reading.
    pub(super) fn max_duration(&self) -> u64 {
        match self {
            Self::Head(_) => u64::MAX,
            Self::Block(block) => block.summary.max_duration,
        }
    }

    pub(super) fn read<T: Default>(
        &self,
        query: &Query,
        read: impl FnOnce(&mut Reader<'_, '_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        match self {
            Self::Head(head) => read(&mut Reader::Head(head, query.head_rows(head)?)),
            Self::Block(block) => query.read_block(block, false, |rows| read(&mut Reader::Block(rows))),
        }
    }

    /// Notes that columns of it were read.
    pub(super) fn count(&self, query: &Query) {
        if let Self::Block(_) = self {
            query.count_block();
        }
    }
}

impl Reader<'_, '_> {
    pub(super) fn source(&mut self) -> &mut dyn RowSource {
        match self {
            Self::Head(_, rows) => rows,
            Self::Block(rows) => *rows,
        }
    }

    /// The spans of rows (ascending), and about how much memory they take.
    pub(super) fn spans(&mut self, rows: &[u32]) -> Result<(Vec<Span>, usize), StorageError> {
        match self {
            Self::Head(head, _) => {
                let batch = &head.batch;
                let bytes = batch.memory_bytes() / batch.rows.len().max(1) * rows.len() * OWNED;
                let mut reader = SpanReader::new(batch);
                let spans = rows.iter().map(|row| reader.span(*row as usize));
                Ok((spans.collect::<Result<_, _>>()?, bytes))
            }
            Self::Block(block) => {
                let batch = block.read_rows(&ranges(rows))?;
                let mut reader = SpanReader::new(&batch);
                let spans = (0..batch.rows.len()).map(|row| reader.span(row));
                Ok((spans.collect::<Result<_, _>>()?, batch.memory_bytes() * OWNED))
            }
        }
    }
}

/// About how much larger owned spans are than rows of a batch.
const OWNED: usize = 3;

/// Rows that follow each other as ranges.
fn ranges(rows: &[u32]) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for row in rows {
        match ranges.last_mut() {
            Some(last) if last.end == *row => last.end += 1,
            _ => ranges.push(*row..row + 1),
        }
    }
    ranges
}
