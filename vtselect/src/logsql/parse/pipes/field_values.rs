//! `field_values f [limit N]`: the values of a field with their number of rows.

use std::fmt;

use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{limit, name_maybe_in_parens};
use super::{Shape, write_limit};

/// The values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValues {
    /// The field.
    pub field: String,
    /// Most values; 0 for all.
    pub limit: u64,
}

impl Shape for FieldValues {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        Ok(Self {
            field: name_maybe_in_parens(c)?,
            limit: limit(c)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", Quoted(&self.field))?;
        write_limit(f, self.limit)
    }
}
