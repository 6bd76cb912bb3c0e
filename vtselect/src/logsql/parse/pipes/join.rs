//! `join by (a) (<query>) inner prefix p`: adds the fields of another query's rows.

use std::fmt;

use super::super::super::ast::{Part, Query};
use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::some_names_in_parens;
use super::super::query::query_in_parens;
use super::{Shape, quoted, write_by};

/// Joins the rows of another query.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Fields that must be equal, at least one.
    pub by: Vec<String>,
    /// The other query.
    pub query: Query,
    /// Rows without a partner are dropped.
    pub inner: bool,
    /// Put in front of the names of the other query's fields.
    pub prefix: String,
}

impl Shape for Join {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        if !c.eat("by") {
            c.eat("on");
        }
        let by = some_names_in_parens(c, "the fields to join by")?;
        let query = query_in_parens(c)?;
        let inner = c.eat("inner");
        let prefix = if c.eat("prefix") {
            c.value("a prefix")?
        } else {
            String::new()
        };
        Ok(Self {
            by,
            query,
            inner,
            prefix,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_by(f, "by", quoted(&self.by))?;
        write!(f, " ({})", self.query)?;
        f.write_str(if self.inner { " inner" } else { "" })?;
        if self.prefix.is_empty() {
            Ok(())
        } else {
            write!(f, " prefix {}", Quoted(&self.prefix))
        }
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit(Part::Query(&mut self.query));
    }
}
