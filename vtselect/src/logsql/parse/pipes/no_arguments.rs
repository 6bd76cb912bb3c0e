//! `block_stats`, `drop_empty_fields`, `query_stats`: pipes without arguments.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::Shape;

/// Nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoArguments;

impl Shape for NoArguments {
    fn parse(_: &mut Cursor<'_>, _: &str) -> Result<Self> {
        Ok(Self)
    }

    fn arguments(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
