//! Rows as lines of JSON: an object of texts for each row, values that are empty left out.

use super::super::ast::{Pipe, Query};
use super::super::exec::{Rows, json};
use super::super::fields::column_rank;

/// Writes rows as lines.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) text: String,
    /// The pipes fix the order of fields
    fixed_order: bool,
}

impl Lines {
    /// Lines in the order of fields that the query asks for: without such a wish `_time, _stream_id, _stream, _msg` come
    /// first, then all others by name.
    pub(super) fn of(query: &Query) -> Self {
        let fixes = |pipe: &Pipe| {
            matches!(
                pipe,
                Pipe::Fields(_)
                    | Pipe::Stats(_)
                    | Pipe::Uniq(_)
                    | Pipe::Top(_)
                    | Pipe::Facets(_)
                    | Pipe::FieldNames(_)
                    | Pipe::FieldValues(_)
                    | Pipe::BlocksCount(_)
            )
        };
        Self {
            text: String::new(),
            fixed_order: query.pipes.iter().any(fixes),
        }
    }

    /// Appends the rows; those without any value are left out.
    pub(super) fn push(&mut self, rows: &Rows) {
        let mut columns: Vec<_> = rows.columns.iter().collect();
        if !self.fixed_order {
            columns.sort_by(|a, b| column_rank(&a.name).cmp(&column_rank(&b.name)));
        }
        let columns: Vec<_> = columns
            .into_iter()
            .map(|column| {
                let mut name = String::with_capacity(column.name.len() + 4);
                json::write_string(&mut name, &column.name);
                name.push(':');
                (name, &column.values)
            })
            .collect();
        for row in 0..rows.len() {
            let start = self.text.len();
            for (name, values) in &columns {
                let Some(value) = values.get(row).filter(|value| !value.is_empty()) else {
                    continue;
                };
                self.text.push(if self.text.len() == start { '{' } else { ',' });
                self.text.push_str(name);
                json::write_string(&mut self.text, value);
            }
            if self.text.len() > start {
                self.text.push_str("}\n");
            }
        }
    }
}
