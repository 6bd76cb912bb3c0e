//! `json_array_len`: how many items a JSON array has; 0 for anything else.

use super::super::super::ast::pipes::FieldFunction;
use super::super::{Rows, json};
use super::Transform;
use super::per_block::derive;

pub(super) struct JsonArrayLen(FieldFunction);

impl JsonArrayLen {
    pub(super) fn new(shape: &FieldFunction) -> Self {
        Self(shape.clone())
    }
}

impl Transform for JsonArrayLen {
    fn apply(&mut self, rows: &mut Rows) {
        derive(rows, &self.0.field, &self.0.result, |value| {
            json::array_items(value).len().to_string().into()
        });
    }
}
