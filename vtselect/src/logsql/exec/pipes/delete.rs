//! `delete`: removes columns.

use super::super::super::ast::pipes;
use super::super::Rows;
use super::Transform;

pub(super) struct Delete {
    fields: pipes::Fields,
}

impl Delete {
    pub(super) fn new(shape: &pipes::Fields) -> Self {
        Self { fields: shape.clone() }
    }
}

impl Transform for Delete {
    fn apply(&mut self, rows: &mut Rows) {
        rows.columns.retain(|column| !self.fields.matches(&column.name));
    }
}
