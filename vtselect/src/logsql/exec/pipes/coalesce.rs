//! `coalesce`: the first value that is not empty.

use super::super::super::ast::{FieldPattern, pipes};
use super::super::{Rows, Text};
use super::Transform;

pub(super) struct Coalesce {
    fields: Vec<FieldPattern>,
    default: Text,
    result: String,
}

impl Coalesce {
    pub(super) fn new(shape: &pipes::Coalesce) -> Self {
        Self {
            fields: shape.fields.clone(),
            default: shape.default.as_str().into(),
            result: shape.result.clone(),
        }
    }
}

impl Transform for Coalesce {
    fn apply(&mut self, rows: &mut Rows) {
        let mut values = vec![Text::default(); rows.len()];
        for pattern in &self.fields {
            let mut columns: Vec<_> = rows
                .columns
                .iter()
                .filter(|column| pattern.matches(&column.name))
                .collect();
            columns.sort_unstable_by_key(|column| &column.name);
            for column in columns {
                for (value, candidate) in values
                    .iter_mut()
                    .zip(&column.values)
                    .filter(|(value, _)| value.is_empty())
                {
                    *value = candidate.clone();
                }
            }
        }
        for value in values.iter_mut().filter(|value| value.is_empty()) {
            *value = self.default.clone();
        }
        rows.set(&self.result, values);
    }
}
