//! The tree that is evaluated over a block of rows. Every node clears the flags of the rows that it does not match, so
//! that what comes later in an `and` sees fewer rows.

use std::sync::Arc;

use common::query::logsql::text::{CompiledTextFilter, ValueType};

use super::super::super::ast::StreamSelector;
use super::super::{Rows, Text};
use super::fields::FieldComparison;
use super::time::TimeTest;

/// A node of an executable filter.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Always,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Text {
        field: String,
        test: Box<CompiledTextFilter>,
    },
    Fields(FieldComparison),
    ValueType {
        field: String,
        expected: Option<ValueType>,
    },
    Stream(Arc<StreamSelector>),
    Time(TimeTest),
}

/// The field with the time of a row.
const TIME: &str = "_time";
/// The field with the name of the stream of a row.
const STREAM: &str = "_stream";

impl Node {
    pub(super) fn narrow(&self, rows: &Rows, keep: &mut [bool]) {
        match self {
            Self::Always => {}
            Self::And(nodes) => nodes.iter().for_each(|node| node.narrow(rows, keep)),
            Self::Or(nodes) => narrow_to_any(nodes, rows, keep),
            Self::Not(node) => {
                let mut matched = keep.to_vec();
                node.narrow(rows, &mut matched);
                keep.iter_mut()
                    .zip(matched)
                    .for_each(|(keep, matched)| *keep &= !matched);
            }
            Self::Text { field, test } => narrow_by_value(rows, field, keep, |value| test.matches(value)),
            Self::Fields(comparison) => comparison.narrow(rows, keep),
            Self::ValueType { field, expected } => {
                let values = rows
                    .column(field)
                    .map(|column| column.values.iter().map(|value| &**value));
                let found = values.and_then(ValueType::of_column);
                if found.is_none() || found != *expected {
                    keep.fill(false);
                }
            }
            Self::Stream(selector) => narrow_by_value(rows, STREAM, keep, |name| selector.matches_name(name)),
            Self::Time(test) => narrow_by_value(rows, TIME, keep, |time| test.matches(time)),
        }
    }
}

fn narrow_to_any(nodes: &[Node], rows: &Rows, keep: &mut [bool]) {
    // Rows that no alternative has matched yet.
    let mut left = keep.to_vec();
    for node in nodes {
        let mut matched = left.clone();
        node.narrow(rows, &mut matched);
        left.iter_mut()
            .zip(matched)
            .for_each(|(left, matched)| *left &= !matched);
    }
    keep.iter_mut().zip(left).for_each(|(keep, left)| *keep &= !left);
}

/// Tests the values of a field. A value that is shared by rows in a row is tested once.
fn narrow_by_value(rows: &Rows, field: &str, keep: &mut [bool], test: impl Fn(&str) -> bool) {
    let Some(column) = rows.column(field) else {
        if keep.contains(&true) && !test("") {
            keep.fill(false);
        }
        return;
    };
    let mut last: Option<(&Text, bool)> = None;
    for (keep, value) in keep.iter_mut().zip(&column.values).filter(|(keep, _)| **keep) {
        *keep = match last {
            Some((other, matched)) if Arc::ptr_eq(other, value) => matched,
            _ => test(value),
        };
        last = Some((value, *keep));
    }
}
