//! `fields a, b*`, `delete a, b*`.

use std::fmt;

use super::super::super::ast::{FieldPattern, List};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::patterns;
use super::Shape;

/// Fields that are kept (in this order) or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// The fields, at least one.
    pub fields: Vec<FieldPattern>,
    keep: bool,
}

impl Fields {
    /// True when the field is named in the list.
    pub fn matches(&self, field: &str) -> bool {
        self.fields.iter().any(|pattern| pattern.matches(field))
    }
}

impl Shape for Fields {
    fn parse(c: &mut Cursor<'_>, name: &str) -> Result<Self> {
        Ok(Self {
            fields: patterns(c)?,
            keep: name == "fields",
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", List(&self.fields))
    }

    fn keeps_time(&self) -> bool {
        self.matches("_time") == self.keep
    }
}
