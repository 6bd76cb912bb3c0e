//! The rows of a trace while a block is written. Pure.

use crate::engine::batch::{SpanBatch, SpanRow};
use common::ids::SpanId;
use common::time::NANOS_PER_DAY;
use hashbrown::HashMap;
use std::collections::BTreeMap;

/// The number of a batch, the batch, the number of one of its rows, and the row.
pub(super) type TraceRow<'a> = (u32, &'a SpanBatch, usize, &'a SpanRow);

/// Counts of spans by the minute of the day.
#[derive(Default)]
pub(super) struct Minutes {
    counts: BTreeMap<u16, u32>,
    /// The minute of the last span and how many it had since another: the spans of a trace start close together
    last: (u16, u32),
}

impl Minutes {
    pub(super) fn add(&mut self, start: u64) {
        let minute = (start % NANOS_PER_DAY / 60_000_000_000) as u16;
        if minute != self.last.0 {
            self.note();
            self.last.0 = minute;
        }
        self.last.1 += 1;
    }

    fn note(&mut self) {
        let (minute, spans) = std::mem::take(&mut self.last);
        if spans > 0 {
            *self.counts.entry(minute).or_default() += spans;
        }
    }

    pub(super) fn finish(mut self) -> Vec<(u16, u32)> {
        self.note();
        self.counts.into_iter().collect()
    }
}

/// Cells in a cache line.
const CELLS_PER_LINE: usize = 4;

/// Loads the cells of a trace. Its spans lie far from each other in memory: waiting for all of them at once is quicker
/// than for one after the other.
pub(super) fn fetch_cells(rows: &[TraceRow<'_>]) {
    let first_of_lines = |(_, batch, row, _): &TraceRow<'_>| {
        let cells = batch.row_cells(*row).iter();
        cells.step_by(CELLS_PER_LINE).fold(0, |all, cell| all ^ cell.column)
    };
    std::hint::black_box(rows.iter().fold(0, |all, row| all ^ first_of_lines(row)));
}

/// The rows of a trace by span id.
pub(super) enum Parents {
    Few(Vec<SpanId>),
    Many(HashMap<SpanId, u32>),
}

/// Up to so many rows are searched one by one.
const FEW_ROWS: usize = 24;

impl Parents {
    pub(super) fn new(rows: &[TraceRow<'_>]) -> Self {
        let ids = rows.iter().map(|r| r.3.span_id);
        if rows.len() <= FEW_ROWS {
            Self::Few(ids.collect())
        } else {
            Self::Many(ids.zip(0..).collect())
        }
    }

    pub(super) fn place(&self, id: SpanId) -> Option<u32> {
        match self {
            _ if id.is_zero() => None,
            Self::Few(ids) => ids.iter().position(|known| *known == id).map(|place| place as u32),
            Self::Many(ids) => ids.get(&id).copied(),
        }
    }
}
