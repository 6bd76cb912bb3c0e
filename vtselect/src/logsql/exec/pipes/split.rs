//! `split`: the parts of a text as a JSON array.

use super::super::super::ast::pipes;
use super::super::{Rows, json};
use super::Transform;
use super::per_block::derive;

pub(super) struct Split(pipes::Split);

impl Split {
    pub(super) fn new(shape: &pipes::Split) -> Self {
        Self(shape.clone())
    }
}

impl Transform for Split {
    fn apply(&mut self, rows: &mut Rows) {
        let shape = &self.0;
        derive(rows, &shape.from, &shape.result, |value| {
            if shape.separator.is_empty() {
                let ends = value.char_indices().map(|(at, c)| (at, at + c.len_utf8()));
                json::array(ends.filter_map(|(start, end)| value.get(start..end))).into()
            } else {
                json::array(value.split(shape.separator.as_str())).into()
            }
        });
    }
}
