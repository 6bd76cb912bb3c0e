//! `drop_empty_fields`: drops rows without a value. Empty fields are no fields already.

use super::super::Rows;
use super::Transform;

pub(super) struct DropEmptyFields;

impl Transform for DropEmptyFields {
    fn apply(&mut self, rows: &mut Rows) {
        let mut keep = vec![false; rows.len()];
        for column in &mut rows.columns {
            for (keep, value) in keep.iter_mut().zip(&column.values) {
                *keep |= !value.is_empty();
            }
        }
        rows.columns
            .retain(|column| column.values.iter().any(|value| !value.is_empty()));
        if keep.contains(&false) {
            rows.retain(&keep);
        }
    }
}
