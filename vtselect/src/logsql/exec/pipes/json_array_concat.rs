//! `json_array_concat`: the items of a JSON array as one text.

use super::super::super::ast::pipes;
use super::super::{Rows, json};
use super::Transform;
use super::per_block::derive;

pub(super) struct JsonArrayConcat(pipes::JsonArrayConcat);

impl JsonArrayConcat {
    pub(super) fn new(shape: &pipes::JsonArrayConcat) -> Self {
        Self(shape.clone())
    }
}

impl Transform for JsonArrayConcat {
    fn apply(&mut self, rows: &mut Rows) {
        let shape = &self.0;
        derive(rows, &shape.from, &shape.result, |value| {
            json::array_items(value).join(&shape.delimiter).into()
        });
    }
}
