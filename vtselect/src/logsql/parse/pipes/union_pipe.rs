//! `union (<query>)`: adds the rows of another query.

use std::fmt;

use super::super::super::ast::{Part, Query};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::query::query_in_parens;
use super::Shape;

/// Adds the rows of another query.
#[derive(Debug, Clone, PartialEq)]
pub struct Union {
    /// The other query.
    pub query: Query,
}

impl Shape for Union {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        Ok(Self {
            query: query_in_parens(c)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " ({})", self.query)
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit(Part::Query(&mut self.query));
    }
}
