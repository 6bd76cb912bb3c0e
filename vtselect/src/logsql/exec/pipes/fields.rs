//! `fields`: keeps some columns, in the order of the list.

use super::super::super::ast::{FieldPattern, pipes};
use super::super::Rows;
use super::Transform;

pub(super) struct KeepFields {
    fields: Vec<FieldPattern>,
}

impl KeepFields {
    pub(super) fn new(shape: &pipes::Fields) -> Self {
        let fields = shape.fields.clone();
        Self { fields }
    }
}

impl Transform for KeepFields {
    fn apply(&mut self, rows: &mut Rows) {
        let mut columns: Vec<_> = std::mem::take(&mut rows.columns).into_iter().map(Some).collect();
        for pattern in &self.fields {
            for column in &mut columns {
                if column.as_ref().is_some_and(|column| pattern.matches(&column.name)) {
                    rows.columns.extend(column.take());
                }
            }
        }
    }
}
