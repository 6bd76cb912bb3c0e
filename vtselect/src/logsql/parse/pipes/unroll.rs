//! `unroll if (...) by (a, b)`: the items of JSON arrays as rows.

use std::fmt;

use super::super::super::ast::{Filter, Part};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{condition, some_names};
use super::{Shape, quoted, visit_condition, write_by, write_condition};

/// Makes a row of each item, of several arrays in step.
#[derive(Debug, Clone, PartialEq)]
pub struct Unroll {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// The fields with arrays, at least one.
    pub by: Vec<String>,
}

impl Shape for Unroll {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let condition = condition(c)?;
        c.eat("by");
        Ok(Self {
            condition,
            by: some_names(c, "a field")?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        write_by(f, "by", quoted(&self.by))
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }
}
