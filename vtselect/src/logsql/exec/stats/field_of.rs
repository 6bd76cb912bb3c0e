//! `field_min` and `field_max`: a field of the row where another field is least or greatest.

use common::query::logsql::stats::{End, Pick, Row};

use super::super::super::ast::FieldPattern;
use super::super::super::parse::stats::FieldOf;
use super::{Columns, Function, Text};

/// The field of the row.
pub(super) struct FieldOfRow(pub(super) FieldOf, pub(super) End);

impl Function for FieldOfRow {
    type State = Row;

    fn fields(&self) -> Vec<FieldPattern> {
        vec![FieldPattern::new(&self.0.source), FieldPattern::new(&self.0.field)]
    }

    fn new_state(&self) -> Row {
        Row::new(Pick::By(self.1))
    }

    fn update(&self, state: &mut Row, columns: &Columns<'_>, rows: &[usize]) {
        let decide = columns.first();
        for row in rows {
            state.update(&decide.text(*row), || columns.fields_of(1, *row));
        }
    }

    fn finish(&self, state: Row, _: f64) -> Text {
        state
            .fields()
            .first()
            .map_or_else(Text::default, |(_, value)| value.clone())
    }
}
