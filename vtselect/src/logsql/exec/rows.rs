//! Rows as pipes see them: named columns of texts, in which a missing value is the empty text.

use std::sync::Arc;

/// One value. Cheap to clone, since values repeat and travel through many pipes.
pub type Text = Arc<str>;

/// One named column.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RowColumn {
    pub name: Text,
    /// One value for each row
    pub values: Vec<Text>,
}

/// A block of rows, column by column. Column names are unique; their order is the order of output.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Rows {
    pub columns: Vec<RowColumn>,
    len: usize,
}

impl Rows {
    /// `len` rows without columns.
    pub fn new(len: usize) -> Self {
        Self {
            columns: Vec::new(),
            len,
        }
    }

    /// Rows from (name, value) pairs; a name that a row lacks is empty there.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(rows: &[Vec<(N, V)>]) -> Self {
        let mut out = Self::new(rows.len());
        for (i, row) in rows.iter().enumerate() {
            for (name, value) in row {
                if let Some(slot) = out.column_mut(name.as_ref()).values.get_mut(i) {
                    *slot = value.as_ref().into();
                }
            }
        }
        out
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values of a column; `None` where no row has it.
    pub fn column(&self, name: &str) -> Option<&RowColumn> {
        self.columns.iter().find(|c| &*c.name == name)
    }

    /// The column of this name, made of empty values if there was none.
    pub fn column_mut(&mut self, name: &str) -> &mut RowColumn {
        let at = self.columns.iter().position(|c| &*c.name == name).unwrap_or_else(|| {
            let values = vec![Text::default(); self.len];
            self.columns.push(RowColumn {
                name: name.into(),
                values,
            });
            self.columns.len() - 1
        });
        &mut self.columns[at]
    }

    /// Sets a whole column; `values` must hold one for each row.
    pub fn set(&mut self, name: &str, values: Vec<Text>) {
        debug_assert_eq!(values.len(), self.len);
        self.column_mut(name).values = values;
    }

    /// One value; empty where there is none.
    pub fn get(&self, name: &str, row: usize) -> &str {
        self.column(name).and_then(|c| c.values.get(row)).map_or("", |v| v)
    }

    /// Keeps the rows whose flag is set.
    pub fn retain(&mut self, keep: &[bool]) {
        for column in &mut self.columns {
            let mut flags = keep.iter();
            column.values.retain(|_| flags.next().copied().unwrap_or(false));
        }
        self.len = keep.iter().filter(|k| **k).count();
    }

    /// Keeps the first rows.
    pub fn truncate(&mut self, rows: usize) {
        self.columns.iter_mut().for_each(|column| column.values.truncate(rows));
        self.len = self.len.min(rows);
    }

    /// Drops the first rows.
    pub fn skip(&mut self, rows: usize) {
        let rows = rows.min(self.len);
        self.columns
            .iter_mut()
            .for_each(|column| drop(column.values.drain(..rows)));
        self.len -= rows;
    }

    /// Takes the column of this name out.
    pub fn remove(&mut self, name: &str) -> Option<RowColumn> {
        let at = self.columns.iter().position(|column| &*column.name == name)?;
        Some(self.columns.remove(at))
    }

    /// The non-empty (name, value) pairs of a row, in column order.
    pub fn pairs(&self, row: usize) -> impl Iterator<Item = (&Text, &Text)> {
        let pair = move |c: &'_ RowColumn| c.values.get(row).is_some_and(|v| !v.is_empty());
        self.columns
            .iter()
            .filter(move |c| pair(c))
            .filter_map(move |c| c.values.get(row).map(|v| (&c.name, v)))
    }

    /// About how much memory the rows hold.
    pub fn memory_bytes(&self) -> usize {
        let values = self
            .columns
            .iter()
            .flat_map(|c| c.values.iter())
            .map(|v| 16 + v.len())
            .sum::<usize>();
        values + self.columns.len() * size_of::<RowColumn>()
    }
}
