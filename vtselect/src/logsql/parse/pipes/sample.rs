//! `sample N`, `generate_sequence N`.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{count, whole_number};
use super::Shape;

/// Passes every row with the probability 1 / `one_of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// At least 1.
    pub one_of: u64,
}

/// Replaces the input by rows with the numbers from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerateSequence {
    /// How many, at least 1.
    pub rows: u64,
}

impl Shape for Sample {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let mark = c.mark();
        match count(c, "a number of rows")? {
            0 => Err(c.error_at(mark, "expected a number of rows above 0")),
            one_of => Ok(Self { one_of }),
        }
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.one_of)
    }
}

impl Shape for GenerateSequence {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        Ok(Self {
            rows: whole_number(c, 1)?.0,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.rows)
    }
}
