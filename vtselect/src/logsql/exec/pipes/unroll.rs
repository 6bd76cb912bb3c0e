//! `unroll`: the items of JSON arrays as rows, of several arrays in step.

use super::super::super::ast::pipes;
use super::super::rows::RowColumn;
use super::super::{ExecError, Flow, Out, Pipe, Rows, Text, json};
use super::Condition;

/// Rows in one block that is passed on, about.
const BLOCK: usize = 1_024;

pub(super) struct Unroll {
    by: Vec<String>,
    condition: Condition,
}

impl Unroll {
    pub(super) fn new(shape: &pipes::Unroll, condition: Condition) -> Self {
        let by = shape.by.clone();
        Self { by, condition }
    }

    /// The items of each array in a row; empty for what is no array.
    fn items(&self, rows: &Rows, row: usize) -> Vec<Vec<String>> {
        self.by
            .iter()
            .map(|name| json::array_items(rows.get(name, row)))
            .collect()
    }
}

/// Rows to be passed on: for each the row it comes from, and its items if it was unrolled.
#[derive(Default)]
struct Unrolled {
    sources: Vec<usize>,
    items: Vec<Option<Vec<Text>>>,
}

impl Unrolled {
    fn add(&mut self, row: usize, arrays: Vec<Vec<String>>) {
        let longest = arrays.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let mut arrays: Vec<_> = arrays.into_iter().map(Vec::into_iter).collect();
        for _ in 0..longest {
            let items = arrays.iter_mut().map(|array| array.next().unwrap_or_default().into());
            self.items.push(Some(items.collect()));
            self.sources.push(row);
        }
    }

    fn into_rows(self, rows: &Rows, by: &[String]) -> Rows {
        let mut unrolled = Rows::new(self.sources.len());
        let pick = |column: &RowColumn| RowColumn {
            name: column.name.clone(),
            values: self
                .sources
                .iter()
                .map(|row| column.values.get(*row).cloned().unwrap_or_default())
                .collect(),
        };
        unrolled.columns = rows.columns.iter().map(pick).collect();
        for (i, name) in by.iter().enumerate() {
            let own = unrolled.column_mut(name).values.iter_mut();
            for (value, items) in own.zip(&self.items) {
                if let Some(item) = items.as_ref().and_then(|items| items.get(i)) {
                    *value = item.clone();
                }
            }
        }
        unrolled
    }
}

impl Pipe for Unroll {
    fn push(&mut self, rows: Rows, out: &mut Out<'_>) -> Result<Flow, ExecError> {
        let mask = self.condition.mask(&rows);
        let mut unrolled = Unrolled::default();
        for row in 0..rows.len() {
            if mask.has(row) {
                unrolled.add(row, self.items(&rows, row));
            } else {
                unrolled.sources.push(row);
                unrolled.items.push(None);
            }
            if unrolled.sources.len() >= BLOCK
                && out(std::mem::take(&mut unrolled).into_rows(&rows, &self.by))? == Flow::Enough
            {
                return Ok(Flow::Enough);
            }
        }
        out(unrolled.into_rows(&rows, &self.by))
    }
}
