//! `(a)` and `(x, a)`.

use std::fmt;

use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::name;
use super::Shape;

/// A single field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field.
    pub field: String,
}

/// A field of the row that another field selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldOf {
    /// The field that selects the row.
    pub source: String,
    /// The field whose value is the result.
    pub field: String,
}

impl Shape for Field {
    fn parse(c: &mut Cursor<'_>) -> Result<Self> {
        c.expect("(")?;
        let field = name(c)?;
        close(c)?;
        Ok(Self { field })
    }
}

impl Shape for FieldOf {
    fn parse(c: &mut Cursor<'_>) -> Result<Self> {
        c.expect("(")?;
        let source = name(c)?;
        c.expect(",")?;
        let field = name(c)?;
        close(c)?;
        Ok(Self { source, field })
    }
}

/// The end of a list, maybe with a comma in front.
fn close(c: &mut Cursor<'_>) -> Result<()> {
    c.eat(",");
    c.expect(")")
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", Quoted(&self.field))
    }
}

impl fmt::Display for FieldOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", Quoted(&self.source), Quoted(&self.field))
    }
}
