//! `blocks_count`: how many blocks of rows arrive here. Their size is that of whoever reads the rows.

use super::super::super::ast::pipes::NamedResult;
use super::super::{ExecError, Flow, Out, Pipe, Rows};

pub(super) struct BlocksCount {
    result: String,
    blocks: u64,
}

impl BlocksCount {
    pub(super) fn new(shape: &NamedResult) -> Self {
        let result = shape.result.clone();
        Self { result, blocks: 0 }
    }
}

impl Pipe for BlocksCount {
    fn push(&mut self, _: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        self.blocks += 1;
        Ok(Flow::More)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let mut rows = Rows::new(1);
        rows.set(&self.result, vec![self.blocks.to_string().into()]);
        out(rows).map(drop)
    }
}
