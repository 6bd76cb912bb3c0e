//! `(a, b*)`, or `()` for all fields.

use std::fmt;

use super::super::super::ast::{FieldPattern, List};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::patterns_in_parens;
use super::Shape;

/// The fields that a function reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// At least one; `*` for all fields.
    pub fields: Vec<FieldPattern>,
}

impl Fields {
    /// All fields of a row.
    pub fn all() -> Self {
        Self {
            fields: vec![FieldPattern::all()],
        }
    }
}

impl Shape for Fields {
    fn parse(c: &mut Cursor<'_>) -> Result<Self> {
        let fields = patterns_in_parens(c)?;
        Ok(if fields.is_empty() {
            Self::all()
        } else {
            Self { fields }
        })
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", List(&self.fields))
    }
}
