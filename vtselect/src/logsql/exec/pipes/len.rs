//! `len`: the length of a value in bytes.

use super::super::super::ast::pipes::FieldFunction;
use super::super::Rows;
use super::Transform;
use super::per_block::derive;

pub(super) struct Len(FieldFunction);

impl Len {
    pub(super) fn new(shape: &FieldFunction) -> Self {
        Self(shape.clone())
    }
}

impl Transform for Len {
    fn apply(&mut self, rows: &mut Rows) {
        derive(rows, &self.0.field, &self.0.result, |value| {
            value.len().to_string().into()
        });
    }
}
