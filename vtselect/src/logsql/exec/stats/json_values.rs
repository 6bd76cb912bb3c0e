//! `json_values`: rows as JSON texts in a JSON array.

use common::query::logsql::order::OrderKey;
use common::query::logsql::stats::{JsonRow, JsonRows};

use super::super::super::ast::FieldPattern;
use super::super::super::parse::stats;
use super::super::json;
use super::{Columns, Function, Text};

/// Fields of rows, in the order they came or sorted.
pub(super) struct JsonValues(pub(super) stats::JsonValues);

impl Function for JsonValues {
    type State = JsonRows;

    /// The fields to sort by come first.
    fn fields(&self) -> Vec<FieldPattern> {
        let sort = self.0.sort_by.iter().map(|by| FieldPattern::new(&by.name));
        sort.chain(self.0.fields.fields.iter().cloned()).collect()
    }

    fn new_state(&self) -> JsonRows {
        let descending = self.0.sort_by.iter().map(|by| by.descending).collect();
        JsonRows::new(descending, self.0.limit)
    }

    fn update(&self, state: &mut JsonRows, columns: &Columns<'_>, rows: &[usize]) {
        let keys = self.0.sort_by.len();
        for row in rows {
            if state.is_full() {
                break;
            }
            let sort = columns.after(0).iter().take(keys);
            let fields = columns.fields_of(keys, *row);
            state.update(JsonRow {
                keys: sort.map(|column| OrderKey::new(&column.text(*row))).collect(),
                json: json::object(fields.iter().map(|(name, value)| (&**name, &**value))).into(),
            });
        }
    }

    fn finish(&self, state: JsonRows, _: f64) -> Text {
        json::array(state.finish().iter().map(|row| &**row)).into()
    }
}
