//! `offset`: skips the first rows.

use super::super::super::ast::pipes::RowCount;
use super::super::{ExecError, Flow, Out, Pipe, Rows};

pub(super) struct Offset {
    left: u64,
}

impl Offset {
    pub(super) fn new(shape: &RowCount) -> Self {
        Self { left: shape.rows }
    }
}

impl Pipe for Offset {
    fn push(&mut self, mut rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
        if self.left > 0 {
            let len = rows.len() as u64;
            rows.skip(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left = self.left.saturating_sub(len);
        }
        out(rows)
    }
}
