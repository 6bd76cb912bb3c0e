//! `sample`: passes each row with a given probability.

use super::super::super::ast::pipes;
use super::super::Rows;
use super::Transform;
use super::random::Random;

pub(super) struct Sample {
    one_of: u64,
    random: Random,
}

impl Sample {
    pub(super) fn new(shape: &pipes::Sample) -> Self {
        Self {
            one_of: shape.one_of.max(1),
            random: Random::new(),
        }
    }
}

impl Transform for Sample {
    fn apply(&mut self, rows: &mut Rows) {
        let keep: Vec<bool> = (0..rows.len())
            .map(|_| self.random.next().is_multiple_of(self.one_of))
            .collect();
        rows.retain(&keep);
    }
}
