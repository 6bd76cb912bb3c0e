//! `generate_sequence`: rows with the numbers from 0 instead of those that arrive.

use super::super::super::ast::{MESSAGE, pipes};
use super::super::{ExecError, Flow, Out, Pipe, Rows};

const BLOCK: u64 = 1_024;

pub(super) struct GenerateSequence {
    rows: u64,
}

impl GenerateSequence {
    pub(super) fn new(shape: &pipes::GenerateSequence) -> Self {
        Self { rows: shape.rows }
    }
}

impl Pipe for GenerateSequence {
    fn push(&mut self, _: Rows, _: &mut Out<'_>) -> Result<Flow, ExecError> {
        Ok(Flow::Enough)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<(), ExecError> {
        let mut next = 0;
        while next < self.rows {
            let end = self.rows.min(next + BLOCK);
            let numbers: Vec<_> = (next..end).map(|n| n.to_string().into()).collect();
            let mut rows = Rows::new(numbers.len());
            rows.set(MESSAGE, numbers);
            if out(rows)? == Flow::Enough {
                break;
            }
            next = end;
        }
        Ok(())
    }
}
