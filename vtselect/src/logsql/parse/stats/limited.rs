//! `(a, b*) limit N`.

use std::fmt;

use super::super::super::ast::List;
use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{limit, some_names_in_parens};
use super::{Fields, Shape};

/// Fields and the most values to collect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited {
    /// The fields.
    pub fields: Fields,
    /// Most values; 0 for all.
    pub limit: u64,
}

/// Names of fields, whose values make a tuple, and the most tuples to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesLimited {
    /// At least one field.
    pub fields: Vec<String>,
    /// The greatest result; 0 for no bound.
    pub limit: u64,
}

impl Shape for Limited {
    fn parse(c: &mut Cursor<'_>) -> Result<Self> {
        Ok(Self {
            fields: Fields::parse(c)?,
            limit: limit(c)?,
        })
    }
}

impl Shape for NamesLimited {
    fn parse(c: &mut Cursor<'_>) -> Result<Self> {
        Ok(Self {
            fields: some_names_in_parens(c, "at least one field")?,
            limit: limit(c)?,
        })
    }
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields.fmt(f)?;
        write_limit(f, self.limit)
    }
}

impl fmt::Display for NamesLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.iter().map(|name| Quoted(name)).collect();
        write!(f, "({})", List(&names))?;
        write_limit(f, self.limit)
    }
}

pub(super) fn write_limit(f: &mut fmt::Formatter<'_>, limit: u64) -> fmt::Result {
    if limit == 0 {
        Ok(())
    } else {
        write!(f, " limit {limit}")
    }
}
