//! `uniq by (a, b) with hits limit N`: the distinct values.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::limit;
use super::top::{by_fields, distinct};
use super::{Shape, quoted, write_by, write_limit};

/// The distinct values of some fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uniq {
    /// The fields, at least one.
    pub by: Vec<String>,
    /// The field for the number of rows, if it is asked for.
    pub hits: Option<String>,
    /// Most values; 0 for all.
    pub limit: u64,
}

impl Shape for Uniq {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let by = by_fields(c, &["with", "hits", "limit"])?;
        if c.eat("with") && !c.is("hits") {
            return Err(c.expected("'hits' after 'with'"));
        }
        let hits = c.eat("hits").then(|| distinct("hits".to_owned(), &by));
        Ok(Self {
            by,
            hits,
            limit: limit(c)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_by(f, "by", quoted(&self.by))?;
        f.write_str(if self.hits.is_some() { " with hits" } else { "" })?;
        write_limit(f, self.limit)
    }
}
