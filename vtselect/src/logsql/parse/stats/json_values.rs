//! `(a, b*) sort by (x desc) limit N`.

use std::fmt;

use super::super::super::ast::List;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::limit;
use super::super::pipes::{SortField, sort_fields};
use super::limited::write_limit;
use super::{Fields, Shape};

/// Rows as JSON, maybe in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonValues {
    /// The fields of each row.
    pub fields: Fields,
    /// The order; empty for the order of arrival.
    pub sort_by: Vec<SortField>,
    /// Most rows; 0 for all.
    pub limit: u64,
}

impl Shape for JsonValues {
    fn parse(c: &mut Cursor<'_>) -> Result<Self> {
        let fields = Fields::parse(c)?;
        // Without `by` or a parenthesis after it, the word is the name of the result.
        let sorted = c.is_any(&["sort", "order"]) && (c.next_is("by") || c.next_is("("));
        let mut sort_by = Vec::new();
        if sorted {
            c.advance();
            c.eat("by");
            sort_by = sort_fields(c)?;
        }
        Ok(Self {
            fields,
            sort_by,
            limit: limit(c)?,
        })
    }
}

impl fmt::Display for JsonValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields.fmt(f)?;
        if !self.sort_by.is_empty() {
            write!(f, " sort by ({})", List(&self.sort_by))?;
        }
        write_limit(f, self.limit)
    }
}
