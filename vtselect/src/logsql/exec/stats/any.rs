//! `any`: some value of a field.

use common::query::logsql::stats::{Pick, Row};

use super::super::super::ast::FieldPattern;
use super::{Columns, Function, Text};

/// A value that is not empty, if there is one.
pub(super) struct Any(pub(super) String);

impl Function for Any {
    type State = Row;

    fn fields(&self) -> Vec<FieldPattern> {
        vec![FieldPattern::new(&self.0)]
    }

    fn new_state(&self) -> Row {
        Row::new(Pick::Any)
    }

    fn update(&self, state: &mut Row, columns: &Columns<'_>, rows: &[usize]) {
        if state.is_decided() {
            return;
        }
        let column = columns.first();
        if let Some(row) = rows.iter().find(|row| !column.get(**row).is_empty()) {
            state.update(&column.text(*row), || columns.fields_of(0, *row));
        }
    }

    fn finish(&self, state: Row, _: f64) -> Text {
        state
            .fields()
            .first()
            .map_or_else(Text::default, |(_, value)| value.clone())
    }
}
