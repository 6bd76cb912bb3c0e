//! `(x, a, b*)`.

use std::fmt;

use super::super::super::ast::{FieldPattern, List};
use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::patterns_in_parens;
use super::Shape;

/// The row that a field selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowOf {
    /// The field that selects the row.
    pub source: String,
    /// The fields of the row that make the result; none for all.
    pub fields: Vec<FieldPattern>,
}

impl Shape for RowOf {
    fn parse(c: &mut Cursor<'_>) -> Result<Self> {
        let mark = c.mark();
        let mut arguments = patterns_in_parens(c)?.into_iter();
        let source = arguments.next().filter(|source| source.prefix().is_none());
        let source = source.ok_or_else(|| c.error_at(mark, "expected a field as first argument"))?;
        let mut fields: Vec<_> = arguments.collect();
        if fields.iter().any(FieldPattern::is_all) {
            fields.clear();
        }
        Ok(Self {
            source: source.as_str().to_owned(),
            fields,
        })
    }
}

impl fmt::Display for RowOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.fields.is_empty() { "" } else { ", " };
        write!(f, "({}{separator}{})", Quoted(&self.source), List(&self.fields))
    }
}
