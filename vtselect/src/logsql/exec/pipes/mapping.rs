//! `copy`, `rename`: columns under other names.
//!
//! A single name that no row has clears its target. Names with a prefix are those of the row: where a row lacks a value,
//! the target stays as it is.

use super::super::super::ast::{FieldPattern, pipes};
use super::super::rows::RowColumn;
use super::super::{Rows, Text};
use super::Transform;

type Pairs = Vec<(FieldPattern, FieldPattern)>;

pub(super) struct Copy {
    pairs: Pairs,
}

pub(super) struct Rename {
    pairs: Pairs,
}

impl Copy {
    pub(super) fn new(shape: &pipes::Mapping) -> Self {
        let pairs = shape.pairs.clone();
        Self { pairs }
    }
}

impl Rename {
    pub(super) fn new(shape: &pipes::Mapping) -> Self {
        let pairs = shape.pairs.clone();
        Self { pairs }
    }
}

impl Transform for Copy {
    fn apply(&mut self, rows: &mut Rows) {
        for (from, to) in &self.pairs {
            if from.prefix().is_some() {
                for (name, target) in targets(rows, from, to) {
                    let values = rows.column(&name).map(|column| column.values.clone());
                    fill(rows, &target, values.unwrap_or_default());
                }
            } else if from != to {
                match rows.column(from.as_str()).map(|column| column.values.clone()) {
                    Some(values) => rows.set(to.as_str(), values),
                    None => drop(rows.remove(to.as_str())),
                }
            }
        }
    }
}

impl Transform for Rename {
    fn apply(&mut self, rows: &mut Rows) {
        for (from, to) in &self.pairs {
            if from.prefix().is_some() {
                rename_all(rows, from, to);
            } else if from != to {
                rows.remove(to.as_str());
                if let Some(column) = rows.columns.iter_mut().find(|column| &*column.name == from.as_str()) {
                    column.name = to.as_str().into();
                }
            }
        }
    }
}

/// The sources are taken out first: a target may have the name of another source.
fn rename_all(rows: &mut Rows, from: &FieldPattern, to: &FieldPattern) {
    let taken: Vec<(String, Option<RowColumn>)> = targets(rows, from, to)
        .into_iter()
        .map(|(name, target)| (target, rows.remove(&name)))
        .collect();
    for (target, column) in taken {
        fill(rows, &target, column.map(|column| column.values).unwrap_or_default());
    }
}

/// The columns that the pattern selects and the names that they get, by name: blocks may differ in their order.
fn targets(rows: &Rows, from: &FieldPattern, to: &FieldPattern) -> Vec<(Text, String)> {
    let selected = rows.columns.iter().filter(|column| from.matches(&column.name));
    let mut targets: Vec<_> = selected
        .map(|column| (column.name.clone(), from.rename(to, &column.name)))
        .filter(|(name, target)| &**name != target)
        .collect();
    targets.sort_unstable();
    targets
}

/// Sets the values that are not empty.
fn fill(rows: &mut Rows, target: &str, values: Vec<Text>) {
    if rows.column(target).is_none() {
        rows.set(target, values);
        return;
    }
    let own = &mut rows.column_mut(target).values;
    for (own, value) in own.iter_mut().zip(values).filter(|(_, value)| !value.is_empty()) {
        *own = value;
    }
}
