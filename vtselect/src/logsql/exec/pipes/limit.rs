//! `limit`: passes the first rows.

use super::super::super::ast::pipes::RowCount;
use super::super::{ExecError, Flow, Out, Pipe, Rows};

pub(super) struct Limit {
    left: u64,
}

impl Limit {
    pub(super) fn new(shape: &RowCount) -> Self {
        Self { left: shape.rows }
    }
}

impl Pipe for Limit {
    fn push(&mut self, mut rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
        if self.left == 0 {
            return Ok(Flow::Enough);
        }
        rows.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left = self.left.saturating_sub(rows.len() as u64);
        let flow = out(rows)?;
        Ok(if self.left == 0 { Flow::Enough } else { flow })
    }
}
