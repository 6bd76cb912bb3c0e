//! `field_names [as] name`, `blocks_count [as] name`.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::result_name;
use super::{Shape, write_name};

/// A pipe with one result column of a given name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedResult {
    /// The name of the column.
    pub result: String,
    default: &'static str,
}

impl Shape for NamedResult {
    fn parse(c: &mut Cursor<'_>, name: &str) -> Result<Self> {
        let default = if name == "field_names" { "name" } else { "blocks_count" };
        Ok(Self {
            result: result_name(c, default)?,
            default,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, "as", &self.result, self.default)
    }
}
