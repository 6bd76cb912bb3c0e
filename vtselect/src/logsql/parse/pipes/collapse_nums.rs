//! `collapse_nums if (...) at f prettify`: numbers become `<N>`.

use std::fmt;

use super::super::super::ast::{Filter, Part};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, condition, name_after};
use super::{Shape, visit_condition, write_condition, write_name};

/// Replaces numbers by placeholders.
#[derive(Debug, Clone, PartialEq)]
pub struct CollapseNums {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// The field that is changed.
    pub field: String,
    /// Placeholders of one thing, such as an address or a time, become one.
    pub prettify: bool,
}

impl Shape for CollapseNums {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        Ok(Self {
            condition: condition(c)?,
            field: name_after(c, "at", MESSAGE)?,
            prettify: c.eat("prettify"),
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        write_name(f, "at", &self.field, MESSAGE)?;
        f.write_str(if self.prettify { " prettify" } else { "" })
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }
}
