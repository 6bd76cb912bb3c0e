//! `limit [N]`, `offset N`.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::count;
use super::Shape;

/// Rows of `limit` without a number.
const DEFAULT_LIMIT: u64 = 10;

/// A number of rows to pass or to skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowCount {
    /// How many rows.
    pub rows: u64,
}

impl Shape for RowCount {
    fn parse(c: &mut Cursor<'_>, name: &str) -> Result<Self> {
        let default = name == "limit" && c.at_part_end();
        Ok(Self {
            rows: if default {
                DEFAULT_LIMIT
            } else {
                count(c, "a number of rows")?
            },
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.rows)
    }
}
