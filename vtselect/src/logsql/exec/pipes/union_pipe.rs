//! `union`: the rows of another query after those that arrive.

use super::super::super::ast::{Query, pipes};
use super::super::{ExecContext, ExecError, Flow, Out, Pipe, Rows};

pub(super) struct Union {
    query: Query,
    context: ExecContext,
    flow: Flow,
}

impl Union {
    pub(super) fn new(shape: &pipes::Union, context: &ExecContext) -> Self {
        Self {
            query: shape.query.clone(),
            context: context.clone(),
            flow: Flow::More,
        }
    }
}

impl Pipe for Union {
    fn push(&mut self, rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
        self.flow = out(rows)?;
        Ok(self.flow)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        match self.flow {
            Flow::More => self.context.subqueries.run(&self.query, out),
            Flow::Enough => Ok(()),
        }
    }
}
