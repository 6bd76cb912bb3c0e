//! `coalesce(a, b*) default x as r`: the first value that is not empty.

use std::fmt;

use super::super::super::ast::{FieldPattern, List};
use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, name_after, patterns_in_parens};
use super::{Shape, write_name};

/// The first value of some fields that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coalesce {
    /// The fields, at least one.
    pub fields: Vec<FieldPattern>,
    /// The value when all are empty.
    pub default: String,
    /// Where the value goes.
    pub result: String,
}

impl Shape for Coalesce {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let mark = c.mark();
        let fields = patterns_in_parens(c)?;
        if fields.is_empty() {
            return Err(c.error_at(mark, "expected at least one field"));
        }
        let default = if c.eat("default") {
            c.value("a default value")?
        } else {
            String::new()
        };
        Ok(Self {
            fields,
            default,
            result: name_after(c, "as", MESSAGE)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", List(&self.fields))?;
        if !self.default.is_empty() {
            write!(f, " default {}", Quoted(&self.default))?;
        }
        write_name(f, "as", &self.result, MESSAGE)
    }

    fn keeps_time(&self) -> bool {
        self.result != "_time"
    }
}
