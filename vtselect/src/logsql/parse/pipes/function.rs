//! `len(f) as r`, `hash(f) as r`, `json_array_len(f) as r`: a function of one field.

use std::fmt;

use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, name_maybe_in_parens, result_name};
use super::{Shape, write_name};

/// A function of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFunction {
    /// The field.
    pub field: String,
    /// Where the result goes.
    pub result: String,
}

impl Shape for FieldFunction {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        Ok(Self {
            field: name_maybe_in_parens(c)?,
            result: result_name(c, MESSAGE)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", Quoted(&self.field))?;
        write_name(f, "as", &self.result, MESSAGE)
    }

    fn keeps_time(&self) -> bool {
        self.result != "_time"
    }
}
