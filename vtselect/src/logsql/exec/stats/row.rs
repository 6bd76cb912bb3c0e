//! `row_any`, `row_min` and `row_max`: a row of the group as JSON.

use common::query::logsql::stats::{Pick, Row};

use super::super::super::ast::FieldPattern;
use super::super::json;
use super::{Columns, Function, Text};

/// Fields of one row.
pub(super) struct JsonOfRow {
    pick: Pick,
    /// The field that decides first, if one does.
    fields: Vec<FieldPattern>,
}

impl JsonOfRow {
    /// Of any row.
    pub(super) fn any(fields: Vec<FieldPattern>) -> Self {
        Self {
            pick: Pick::Any,
            fields,
        }
    }

    /// Of the row that a field decides.
    pub(super) fn by(field: &str, mut fields: Vec<FieldPattern>, pick: Pick) -> Self {
        fields.insert(0, FieldPattern::new(field));
        Self { pick, fields }
    }
}

impl Function for JsonOfRow {
    type State = Row;

    fn fields(&self) -> Vec<FieldPattern> {
        self.fields.clone()
    }

    fn new_state(&self) -> Row {
        Row::new(self.pick)
    }

    fn update(&self, state: &mut Row, columns: &Columns<'_>, rows: &[usize]) {
        let decide = columns.first();
        let skip = usize::from(self.pick != Pick::Any);
        for row in rows {
            if state.is_decided() {
                break;
            }
            state.update(&decide.text(*row), || columns.fields_of(skip, *row));
        }
    }

    fn finish(&self, state: Row, _: f64) -> Text {
        json::object(state.fields().iter().map(|(name, value)| (&**name, &**value))).into()
    }
}
