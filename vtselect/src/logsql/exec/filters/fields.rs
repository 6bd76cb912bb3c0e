//! Comparisons of two fields of a row.

use std::cmp::Ordering;

use common::query::logsql::value::{parse_int, parse_number_or_unit};

use super::super::{Rows, Text};

/// How the value of one field must relate to that of another.
#[derive(Debug, Clone)]
pub(super) struct FieldComparison {
    pub(super) field: String,
    pub(super) relation: Relation,
    pub(super) other: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Relation {
    /// The same text.
    Equal,
    /// Less or equal.
    AtMost,
    Less,
}

impl FieldComparison {
    pub(super) fn narrow(&self, rows: &Rows, keep: &mut [bool]) {
        let columns = [&self.field, &self.other].map(|name| rows.column(name).map(|column| column.values.as_slice()));
        let [left, right] = columns;
        for (row, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| **keep) {
            *keep = self.relation.holds(value(left, row), value(right, row));
        }
    }
}

fn value(column: Option<&[Text]>, row: usize) -> &str {
    column.and_then(|values| values.get(row)).map_or("", |value| value)
}

impl Relation {
    pub(super) fn holds(self, left: &str, right: &str) -> bool {
        match self {
            Self::Equal => left == right,
            Self::AtMost => compare(left, right).is_some_and(Ordering::is_le),
            Self::Less => compare(left, right).is_some_and(Ordering::is_lt),
        }
    }
}

/// By size when both are numbers of any form, else by bytes.
fn compare(left: &str, right: &str) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (parse_int(left), parse_int(right)) {
        return Some(left.cmp(&right));
    }
    match (parse_number_or_unit(left), parse_number_or_unit(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => Some(left.cmp(right)),
    }
}
