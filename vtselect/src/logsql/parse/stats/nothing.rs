//! `()`.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::Shape;

/// No arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nothing;

impl Shape for Nothing {
    fn parse(c: &mut Cursor<'_>) -> Result<Self> {
        c.expect("(")?;
        c.expect(")")?;
        Ok(Self)
    }
}

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("()")
    }
}
