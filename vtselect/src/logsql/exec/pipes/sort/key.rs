//! What rows are compared by.

use std::cmp::Ordering;

use super::super::super::super::ast::pipes::SortField;
use super::super::super::groups::Values;
use super::super::super::rows::RowColumn;
use super::super::super::{Rows, Text, json};
use common::query::logsql::order::OrderKey;

/// The fields of an order; none for all fields of a row.
pub(super) struct Order {
    names: Vec<String>,
    descending: Vec<bool>,
}

/// A value of a row that it is compared by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    key: OrderKey,
    descending: bool,
}

impl Ord for Part {
    /// The direction of both is the same: they are of one field.
    fn cmp(&self, other: &Self) -> Ordering {
        if self.descending {
            other.key.cmp(&self.key)
        } else {
            self.key.cmp(&other.key)
        }
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Order {
    /// `descending` reverses the whole order.
    pub(super) fn new(by: &[SortField], descending: bool) -> Self {
        if by.is_empty() {
            return Self {
                names: Vec::new(),
                descending: vec![descending],
            };
        }
        Self {
            names: by.iter().map(|field| field.name.clone()).collect(),
            descending: by.iter().map(|field| field.descending != descending).collect(),
        }
    }

    /// How many parts the key of a row has.
    pub(super) fn width(&self) -> usize {
        self.descending.len()
    }

    /// The keys of a block's rows.
    pub(super) fn keys<'r>(&'r self, rows: &'r Rows) -> Keys<'r> {
        let mut all = Vec::new();
        if self.names.is_empty() {
            all.extend(&rows.columns);
            all.sort_unstable_by(|a: &&RowColumn, b| a.name.cmp(&b.name));
        }
        Keys {
            order: self,
            columns: Values::of_all(rows, &self.names),
            all,
        }
    }
}

/// The columns of a block that make keys.
pub(super) struct Keys<'r> {
    order: &'r Order,
    columns: Vec<Values<'r>>,
    all: Vec<&'r RowColumn>,
}

impl Keys<'_> {
    /// Appends the key of a row.
    pub(super) fn write(&self, row: usize, parts: &mut Vec<Part>) {
        if self.columns.is_empty() {
            let descending = self.order.descending.first().copied().unwrap_or(false);
            let key = OrderKey::Text(self.whole_row(row));
            parts.push(Part { key, descending });
            return;
        }
        for (column, descending) in self.columns.iter().zip(&self.order.descending) {
            parts.push(Part {
                key: column.value(row).map_or(OrderKey::Empty, OrderKey::new),
                descending: *descending,
            });
        }
    }

    /// The row as one text, its fields in the order of their names.
    fn whole_row(&self, row: usize) -> Text {
        let fields = self.all.iter().filter_map(|column| {
            let value = column.values.get(row)?;
            Some((&*column.name, &**value))
        });
        json::object(fields).into()
    }
}
