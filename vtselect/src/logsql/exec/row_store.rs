//! Rows that a pipe holds until it knows which of them to pass on, and in which order.

use hashbrown::HashMap;

use super::rows::RowColumn;
use super::{Account, ExecError, Flow, Out, Rows, Text};

/// Rows in one block that is passed on.
const BLOCK: usize = 1_024;

/// Rows by number. Columns are those of all rows, in the order they appeared.
#[derive(Debug, Default)]
pub(super) struct RowStore {
    columns: Vec<RowColumn>,
    places: HashMap<Text, usize>,
    len: usize,
}

impl RowStore {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The columns; each has a value for every row.
    pub(super) fn columns(&self) -> &[RowColumn] {
        &self.columns
    }

    /// Adds all rows of a block; their numbers follow those that there are.
    pub(super) fn append(&mut self, rows: Rows, account: &mut Account) -> Result<(), ExecError> {
        account.grow(rows.memory_bytes())?;
        let len = self.len + rows.len();
        for column in rows.columns {
            let place = self.place(&column.name);
            if let Some(own) = self.columns.get_mut(place) {
                own.values.extend(column.values);
            }
        }
        self.len = len;
        self.columns
            .iter_mut()
            .for_each(|column| column.values.resize(len, Text::default()));
        Ok(())
    }

    /// The places of the block's columns, for [`Self::put`].
    pub(super) fn places(&mut self, rows: &Rows) -> Vec<usize> {
        rows.columns.iter().map(|column| self.place(&column.name)).collect()
    }

    /// Adds one row of a block and gives its number; in the place of an old row, if that is given.
    pub(super) fn put(
        &mut self,
        old: Option<usize>,
        rows: &Rows,
        row: usize,
        places: &[usize],
        account: &mut Account,
    ) -> Result<usize, ExecError> {
        let slot = old.unwrap_or(self.len);
        if old.is_some() {
            account.shrink(self.row_bytes(slot));
            for column in &mut self.columns {
                if let Some(value) = column.values.get_mut(slot) {
                    *value = Text::default();
                }
            }
        } else {
            self.len += 1;
            for column in &mut self.columns {
                column.values.push(Text::default());
            }
        }
        for (column, place) in rows.columns.iter().zip(places) {
            let value = self.columns.get_mut(*place).and_then(|own| own.values.get_mut(slot));
            if let (Some(value), Some(new)) = (value, column.values.get(row)) {
                *value = new.clone();
            }
        }
        account.grow(self.row_bytes(slot))?;
        Ok(slot)
    }

    fn row_bytes(&self, slot: usize) -> usize {
        let values = self.columns.iter().filter_map(|column| column.values.get(slot));
        values.map(|value| size_of::<Text>() + value.len()).sum()
    }

    fn place(&mut self, name: &Text) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.columns.len();
        self.places.insert(name.clone(), place);
        self.columns.push(RowColumn {
            name: name.clone(),
            values: vec![Text::default(); self.len],
        });
        place
    }

    /// Moves rows out in the given order, in blocks, until `out` has enough. A row may be named once. `finish` changes
    /// each block; it is told the place of the block's first row in the order.
    pub(super) fn emit(
        mut self,
        order: &[usize],
        finish: impl Fn(&mut Rows, usize),
        out: &mut Out<'_>,
    ) -> Result<(), ExecError> {
        for (i, numbers) in order.chunks(BLOCK).enumerate() {
            let mut rows = Rows::new(numbers.len());
            rows.columns = self
                .columns
                .iter_mut()
                .map(|column| take(column, numbers))
                .filter(|column| column.values.iter().any(|value| !value.is_empty()))
                .collect();
            finish(&mut rows, i * BLOCK);
            if out(rows)? == Flow::Enough {
                break;
            }
        }
        Ok(())
    }
}

fn take(column: &mut RowColumn, numbers: &[usize]) -> RowColumn {
    let values = numbers
        .iter()
        .map(|number| column.values.get_mut(*number).map(std::mem::take).unwrap_or_default());
    RowColumn {
        name: column.name.clone(),
        values: values.collect(),
    }
}

#[cfg(test)]
mod tests {
    use common::contract::QueryContext;

    use super::*;

    #[test]
    fn rows_of_different_columns_stay_whole() {
        let mut account = Account::new(&QueryContext::unlimited(), "test");
        let mut store = RowStore::default();
        store
            .append(Rows::from_pairs(&[vec![("a", "1")], vec![("a", "2")]]), &mut account)
            .expect("memory");
        let more = Rows::from_pairs(&[vec![("b", "3")], vec![("a", "4"), ("b", "5")]]);
        let places = store.places(&more);
        assert_eq!(store.put(None, &more, 1, &places, &mut account).expect("memory"), 2);
        assert_eq!(store.put(Some(0), &more, 0, &places, &mut account).expect("memory"), 0);
        let mut seen = Vec::new();
        let mut out = |rows: Rows| {
            seen.push(rows);
            Ok(Flow::More)
        };
        store.emit(&[2, 0, 1], |_, _| (), &mut out).expect("no error");
        let expected = Rows::from_pairs(&[vec![("a", "4"), ("b", "5")], vec![("b", "3")], vec![("a", "2")]]);
        assert_eq!(seen, [expected]);
    }
}
