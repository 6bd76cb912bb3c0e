//! `filter`: keeps the rows that match.

use super::super::super::ast::pipes;
use super::super::filters::RowFilter;
use super::super::{ExecContext, ExecError, Flow, Out, Pipe, Rows};
use super::condition::row_filter;

pub(super) struct FilterRows {
    filter: RowFilter,
}

impl FilterRows {
    pub(super) fn new(shape: &pipes::FilterRows, context: &ExecContext) -> Result<Self, ExecError> {
        let filter = row_filter(&shape.filter, context)?;
        Ok(Self { filter })
    }
}

impl Pipe for FilterRows {
    fn push(&mut self, mut rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
        let keep = self.filter.matches(&rows);
        if keep.contains(&false) {
            rows.retain(&keep);
        }
        out(rows)
    }
}
