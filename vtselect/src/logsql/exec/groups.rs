//! Distinct tuples of values, numbered in the order of their first row.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use super::rows::RowColumn;
use super::{Rows, Text};

/// The values of a column; empty ones where there is no such column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(&'a [Text]);

impl<'a> Values<'a> {
    /// The column of this name.
    pub(super) fn of(rows: &'a Rows, name: &str) -> Self {
        Self(rows.column(name).map_or(&[], |column| &column.values))
    }

    /// The columns of these names.
    pub(super) fn of_all(rows: &'a Rows, names: &[String]) -> Vec<Self> {
        names.iter().map(|name| Self::of(rows, name)).collect()
    }

    pub(super) fn get(self, row: usize) -> &'a str {
        self.0.get(row).map_or("", |value| value)
    }

    pub(super) fn of_slice(values: &'a [Text]) -> Self {
        Self(values)
    }

    /// The value, unless there is no such column.
    pub(super) fn value(self, row: usize) -> Option<&'a Text> {
        self.0.get(row)
    }

    pub(super) fn text(self, row: usize) -> Text {
        self.0.get(row).cloned().unwrap_or_default()
    }

    fn is_same(self, row: usize, other: &Text) -> bool {
        self.0
            .get(row)
            .map_or(other.is_empty(), |value| Arc::ptr_eq(value, other) || value == other)
    }
}

/// The tuples. All have the same number of values.
#[derive(Debug)]
pub(super) struct Groups {
    width: usize,
    table: HashTable<usize>,
    hashes: Vec<u64>,
    keys: Vec<Text>,
    hasher: DefaultHashBuilder,
    last: Option<usize>,
}

impl Groups {
    /// No tuples yet; each will have `width` values.
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            table: HashTable::new(),
            hashes: Vec::new(),
            keys: Vec::new(),
            hasher: DefaultHashBuilder::default(),
            last: None,
        }
    }

    /// How many tuples there are.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The values of a tuple.
    pub(super) fn key(&self, group: usize) -> &[Text] {
        self.keys
            .get(group * self.width..(group + 1) * self.width)
            .unwrap_or(&[])
    }

    /// The number of the row's tuple, if it was seen.
    pub(super) fn find(&self, columns: &[Values<'_>], row: usize) -> Option<usize> {
        self.find_hash(self.hash(columns, row), columns, row)
    }

    /// The number of the row's tuple, and the memory that it takes if it is a new one, else 0.
    pub(super) fn add(&mut self, columns: &[Values<'_>], row: usize) -> (usize, usize) {
        // Rows that follow each other are often alike.
        if let Some(last) = self.last.filter(|last| self.matches(*last, columns, row)) {
            return (last, 0);
        }
        let hash = self.hash(columns, row);
        if let Some(group) = self.find_hash(hash, columns, row) {
            self.last = Some(group);
            return (group, 0);
        }
        let group = self.hashes.len();
        let Self { hashes, table, .. } = self;
        hashes.push(hash);
        table.insert_unique(hash, group, |group| hashes.get(*group).copied().unwrap_or_default());
        self.keys.extend(columns.iter().map(|column| column.text(row)));
        self.last = Some(group);
        let texts: usize = columns
            .iter()
            .map(|column| size_of::<Text>() + column.get(row).len())
            .sum();
        (group, texts + 4 * size_of::<usize>())
    }

    fn find_hash(&self, hash: u64, columns: &[Values<'_>], row: usize) -> Option<usize> {
        let found = self.table.find(hash, |group| self.matches(*group, columns, row));
        found.copied()
    }

    fn matches(&self, group: usize, columns: &[Values<'_>], row: usize) -> bool {
        let key = self.key(group);
        columns
            .iter()
            .zip(key)
            .all(|(column, value)| column.is_same(row, value))
    }

    fn hash(&self, columns: &[Values<'_>], row: usize) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for column in columns {
            hasher.write(column.get(row).as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }

    /// The values of the chosen tuples as columns of these names; empty tuples give no column.
    pub(super) fn columns(&self, names: &[String], groups: &[usize]) -> Vec<RowColumn> {
        let column = |(i, name): (usize, &String)| RowColumn {
            name: name.as_str().into(),
            values: groups
                .iter()
                .map(|group| self.key(*group).get(i).cloned().unwrap_or_default())
                .collect(),
        };
        names.iter().enumerate().map(column).collect()
    }

    /// The tuples in the order of `partition by`: by the length of each value, then by its bytes.
    pub(super) fn in_partition_order(&self) -> Vec<usize> {
        let mut groups: Vec<usize> = (0..self.len()).collect();
        let size = |group: &usize| self.key(*group).iter().map(|value| (value.len(), value.clone()));
        groups.sort_by(|a, b| size(a).cmp(size(b)));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_are_numbered_by_first_row() {
        let rows = Rows::from_pairs(&[
            vec![("a", "x"), ("b", "yz")],
            vec![("a", "xy"), ("b", "z")],
            vec![("a", "x"), ("b", "yz")],
            vec![("b", "yz")],
        ]);
        let columns = Values::of_all(&rows, &["a".into(), "b".into(), "none".into()]);
        let mut groups = Groups::new(3);
        let numbers: Vec<usize> = (0..4).map(|row| groups.add(&columns, row).0).collect();
        assert_eq!(numbers, [0, 1, 0, 2]);
        assert_eq!(groups.add(&columns, 3), (2, 0));
        assert_eq!(groups.find(&columns, 1), Some(1));
        assert_eq!(groups.key(2).iter().map(|v| &**v).collect::<Vec<_>>(), ["", "yz", ""]);
        assert_eq!(groups.in_partition_order(), [2, 0, 1]);
    }
}
