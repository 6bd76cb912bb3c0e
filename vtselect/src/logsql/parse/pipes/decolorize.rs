//! `decolorize [f]`: drops the colour sequences of terminals.

use std::fmt;

use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, name};
use super::Shape;

/// Drops the colour sequences in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decolorize {
    /// The field that is changed.
    pub field: String,
}

impl Shape for Decolorize {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        Ok(Self {
            field: if c.at_part_end() { MESSAGE.to_owned() } else { name(c)? },
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field == MESSAGE {
            Ok(())
        } else {
            write!(f, " {}", Quoted(&self.field))
        }
    }
}
