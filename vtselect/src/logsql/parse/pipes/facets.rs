//! `facets [N] max_values_per_field M max_value_len L keep_const_fields`: the most frequent values of every field.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{at_number, whole_number};
use super::Shape;

/// The most frequent values of every field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facets {
    /// How many values per field.
    pub limit: u64,
    /// Fields with more values than this are left out.
    pub max_values_per_field: u64,
    /// Fields with a value longer than this, in bytes, are left out.
    pub max_value_len: u64,
    /// Fields with a single value are not left out.
    pub keep_const_fields: bool,
}

impl Default for Facets {
    fn default() -> Self {
        Self {
            limit: 10,
            max_values_per_field: 1_000,
            max_value_len: 128,
            keep_const_fields: false,
        }
    }
}

impl Shape for Facets {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let mut facets = Self::default();
        if at_number(c) {
            facets.limit = whole_number(c, 1)?.0;
        }
        loop {
            if c.eat("max_values_per_field") {
                facets.max_values_per_field = whole_number(c, 1)?.0;
            } else if c.eat("max_value_len") {
                facets.max_value_len = whole_number(c, 1)?.0;
            } else if c.eat("keep_const_fields") {
                facets.keep_const_fields = true;
            } else {
                return Ok(facets);
            }
        }
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::default();
        if self.limit != default.limit {
            write!(f, " {}", self.limit)?;
        }
        if self.max_values_per_field != default.max_values_per_field {
            write!(f, " max_values_per_field {}", self.max_values_per_field)?;
        }
        if self.max_value_len != default.max_value_len {
            write!(f, " max_value_len {}", self.max_value_len)?;
        }
        f.write_str(if self.keep_const_fields {
            " keep_const_fields"
        } else {
            ""
        })
    }
}
