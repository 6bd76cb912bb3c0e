//! `filter ...`: keeps the rows that match.

use std::fmt;

use super::super::super::ast::{Filter, Part};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::filter::filter;
use super::Shape;

/// Keeps the rows that match.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterRows {
    /// Which rows stay.
    pub filter: Filter,
}

impl Shape for FilterRows {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        Ok(Self { filter: filter(c)? })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.filter)
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit(Part::Filter(&mut self.filter));
    }
}
