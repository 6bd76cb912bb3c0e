//! Queries for rows: single spans, or some of their columns.

use super::Column;
use crate::contract::QueryError;
use crate::span::Span;
use crate::value::AttrValue;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What of each matching span is wanted, and of which spans.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RowsQuery {
    pub projection: Projection,
    pub order: RowOrder,
    /// At most so many rows of the order from each node: whoever merges cuts.
    pub limit: Option<usize>,
}

impl RowsQuery {
    /// An error if a column has several values in a row.
    pub(super) fn check(&self) -> Result<(), QueryError> {
        if let Projection::Columns(columns) = &self.projection {
            columns.iter().try_for_each(check_column)?;
        }
        match &self.order {
            RowOrder::ByNumber { column, .. } => check_column(column),
            RowOrder::Any | RowOrder::Newest => Ok(()),
        }
    }
}

/// An error for columns of any event or link.
pub(super) fn check_column(column: &Column) -> Result<(), QueryError> {
    match column {
        Column::Event { index: None, .. } | Column::Link { index: None, .. } => Err(QueryError::Invalid(format!(
            "a row has many values of {column:?}: only filters may ask for any of them"
        ))),
        _ => Ok(()),
    }
}

/// What is wanted of a span.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Projection {
    /// All of it.
    Spans,
    /// These columns. Columns of any event or link (without an index) are not allowed.
    Columns(Vec<Column>),
}

/// Which rows come first. Rows arrive in any order all the same: the order decides which are left out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum RowOrder {
    Any,
    /// Latest start first.
    Newest,
    /// By the numbers of a column: ints, doubles that are numbers, and numeric fields (zero included). Rows without a
    /// number, such as those with a text, come last.
    ByNumber {
        column: Column,
        descending: bool,
    },
}

/// Some rows of an answer. A numeric field above `i64::MAX` is given as its decimal text.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum RowPart {
    Spans(#[serde(with = "crate::wire::spans")] Vec<Span>),
    Columns(ColumnRows),
}

/// Columns of the same number of values each; `None` where a row has none.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ColumnRows {
    pub len: usize,
    pub columns: Vec<RowValues>,
}

impl RowPart {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Spans(spans) => spans.len(),
            Self::Columns(rows) => rows.len,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The values of one column of an answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum RowValues {
    /// Texts that repeat: for each row a place in the list, or none.
    Dict {
        values: Vec<Arc<str>>,
        codes: Vec<Option<u32>>,
    },
    Values(Vec<Option<AttrValue>>),
}

impl RowValues {
    /// The value of a row.
    pub fn get(&self, row: usize) -> Option<AttrValue> {
        match self {
            Self::Dict { values, codes } => {
                let code = codes.get(row).copied().flatten()?;
                values.get(code as usize).cloned().map(AttrValue::Str)
            }
            Self::Values(values) => values.get(row).cloned().flatten(),
        }
    }
}
