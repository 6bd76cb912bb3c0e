//! `pack_json`, `pack_logfmt`: the fields of a row as one text.

use super::super::super::ast::pipes;
use super::super::rows::RowColumn;
use super::super::{Rows, json, logfmt};
use super::Transform;

pub(super) struct Pack {
    shape: pipes::Pack,
    json: bool,
}

impl Pack {
    pub(super) fn json(shape: &pipes::Pack) -> Self {
        let shape = shape.clone();
        Self { shape, json: true }
    }

    pub(super) fn logfmt(shape: &pipes::Pack) -> Self {
        let shape = shape.clone();
        Self { shape, json: false }
    }

    fn selects(&self, column: &RowColumn) -> bool {
        let fields = &self.shape.fields;
        fields.is_empty() || fields.iter().any(|pattern| pattern.matches(&column.name))
    }
}

impl Transform for Pack {
    fn apply(&mut self, rows: &mut Rows) {
        let columns: Vec<&RowColumn> = rows.columns.iter().filter(|column| self.selects(column)).collect();
        let pack = |row: usize| {
            let fields = columns.iter().filter_map(|column| {
                let value = column.values.get(row)?;
                Some((&*column.name, &**value))
            });
            if self.json {
                json::object(fields)
            } else {
                logfmt::write(fields)
            }
        };
        let values = (0..rows.len()).map(|row| pack(row).into()).collect();
        rows.set(&self.shape.result, values);
    }
}
