//! An aggregate query made ready: its conditions compiled, its columns numbered.

use crate::leaf::filter::RowFilter;
use common::contract::QueryError;
use common::query::{AggregateQuery, Column, FunctionKind, GroupKey};

/// A compiled [`AggregateQuery`].
#[derive(Debug)]
pub(in crate::leaf) struct Aggregation {
    pub(super) query: AggregateQuery,
    /// The columns that keys and functions read, each once
    pub(super) columns: Vec<Column>,
    /// Keys with the numbers of their columns
    pub(super) keys: Vec<(GroupKey, usize)>,
    pub(super) functions: Vec<PreparedFunction>,
}

#[derive(Debug)]
pub(super) struct PreparedFunction {
    pub(super) kind: FunctionKind,
    /// Numbers of columns
    pub(super) columns: Vec<usize>,
    pub(super) condition: Option<RowFilter>,
}

impl Aggregation {
    /// Fails on a condition that cannot be compiled.
    pub(in crate::leaf) fn new(query: &AggregateQuery) -> Result<Self, QueryError> {
        let mut columns = Vec::new();
        let mut number = |column: &Column| match columns.iter().position(|known| known == column) {
            Some(number) => number,
            None => {
                columns.push(column.clone());
                columns.len() - 1
            }
        };
        let keys = query.by.iter().map(|key| (key.clone(), number(&key.column))).collect();
        let mut functions = Vec::with_capacity(query.functions.len());
        for function in &query.functions {
            functions.push(PreparedFunction {
                kind: function.kind.clone(),
                columns: function.columns.iter().map(&mut number).collect(),
                condition: function.condition.as_ref().map(RowFilter::compile).transpose()?,
            });
        }
        Ok(Self {
            query: query.clone(),
            columns,
            keys,
            functions,
        })
    }
}
