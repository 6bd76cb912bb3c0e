//! Which pages of rows a query wants, and the numbers of the rows it gets.

use crate::engine::codec::PAGE_VALUES;
use crate::engine::rows::{LoadedRows, RowSet};
use std::ops::Range;

/// Pages of rows with at least one wanted row, as row ranges.
pub(super) fn wanted_pages(want: &RowSet) -> Vec<Range<u32>> {
    let rows = want.rows();
    let pages = (0..rows)
        .step_by(PAGE_VALUES)
        .map(|start| start..(start + PAGE_VALUES as u32).min(rows));
    pages.filter(|page| want.any_in(page.clone())).collect()
}

/// Whether so many pages are wanted that a column is better read as a whole.
pub(super) fn wants_most(want: &RowSet) -> bool {
    let pages = (want.rows() as usize).div_ceil(PAGE_VALUES);
    wanted_pages(want).len() * 2 >= pages
}

/// Row numbers of loaded pages: dense as long as pages adjoin.
#[derive(Default)]
pub(super) struct WantedRows {
    run: Option<Range<u32>>,
    sparse: Vec<u32>,
}

impl WantedRows {
    pub(super) fn page(&mut self, page: Range<u32>) {
        match &mut self.run {
            None if self.sparse.is_empty() => self.run = Some(page),
            Some(run) if run.end == page.start => run.end = page.end,
            _ => {
                self.sparse.extend(self.run.take().into_iter().flatten());
                self.sparse.extend(page);
            }
        }
    }

    pub(super) fn finish(self) -> LoadedRows {
        match self.run {
            Some(run) => LoadedRows::Dense { start: run.start },
            None => LoadedRows::Sparse(self.sparse),
        }
    }
}
