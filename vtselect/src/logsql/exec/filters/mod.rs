//! Filters over blocks of rows: which rows match.
//!
//! [`RowFilter`] is made from the tree of a filter whose subqueries were replaced by their values ([`with_values`]).
//! What one field is tested for is a [`TextFilter`](common::query::logsql::text::TextFilter), here and on storage
//! nodes alike; this module adds what needs a whole row.

mod evaluate;
mod fields;
mod lower;
mod subqueries;
#[cfg(test)]
mod tests;
mod time;

pub use lower::text_filter;
pub use subqueries::with_values;

use super::super::ast::Filter;
use super::{ExecError, Rows};
use evaluate::Node;

/// A filter ready for many blocks of rows.
#[derive(Debug, Clone)]
pub struct RowFilter(Node);

impl RowFilter {
    /// Makes a filter ready. A subquery that was not replaced by its values is an error.
    pub fn new(filter: &Filter) -> Result<Self, ExecError> {
        lower::node(filter).map(Self)
    }

    /// One flag for each row.
    pub fn matches(&self, rows: &Rows) -> Vec<bool> {
        let mut keep = vec![true; rows.len()];
        self.narrow(rows, &mut keep);
        keep
    }

    /// Clears the flags of rows that do not match; rows whose flag is not set are not looked at.
    pub fn narrow(&self, rows: &Rows, keep: &mut [bool]) {
        self.0.narrow(rows, keep);
    }

    /// True when every row matches.
    pub fn is_always(&self) -> bool {
        matches!(self.0, Node::Always)
    }
}
