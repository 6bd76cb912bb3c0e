//! `top [N] by (a, b) hits as h rank as r`: the most frequent values.

use std::fmt;

use super::super::super::quote::Verbatim;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{at_any_or_end, at_number, name, some_names, whole_number};
use super::sort::{rank, write_rank};
use super::{Shape, quoted, write_by, write_name};

/// Values of `top` without a number.
const DEFAULT_LIMIT: u64 = 10;

/// The most frequent values of some fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// How many.
    pub limit: u64,
    limit_text: String,
    /// The fields, at least one.
    pub by: Vec<String>,
    /// The field for the number of rows.
    pub hits: String,
    /// A field that gets the place, from 1.
    pub rank: Option<String>,
}

impl Shape for Top {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let (limit, text) = if at_number(c) {
            whole_number(c, 1)?
        } else {
            (DEFAULT_LIMIT, String::new())
        };
        let limit_text = if limit == DEFAULT_LIMIT { String::new() } else { text };
        let by = by_fields(c, &["hits", "rank"])?;
        let mut top = Self {
            limit,
            limit_text,
            by,
            hits: "hits".to_owned(),
            rank: None,
        };
        loop {
            if c.eat("hits") {
                c.eat("as");
                top.hits = name(c)?;
            } else if c.is("rank") {
                top.rank = rank(c)?;
            } else {
                break;
            }
        }
        top.hits = distinct(top.hits, &top.by);
        top.rank = top.rank.map(|rank| distinct(rank, &top.by));
        Ok(top)
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.limit != DEFAULT_LIMIT {
            write!(f, " {}", Verbatim(&self.limit_text))?;
        }
        write_by(f, "by", quoted(&self.by))?;
        write_name(f, "hits as", &self.hits, "hits")?;
        write_rank(f, self.rank.as_deref())
    }
}

/// `[by] (a, b)` or `[by] a, b`; `next` are the words that may follow.
pub(super) fn by_fields(c: &mut Cursor<'_>, next: &[&str]) -> Result<Vec<String>> {
    c.eat("by");
    if at_any_or_end(c, next) {
        return Err(c.expected("a field"));
    }
    some_names(c, "a field")
}

/// The name, with as many `s` at its end as it takes to differ from the fields.
pub(super) fn distinct(mut name: String, fields: &[String]) -> String {
    while fields.contains(&name) {
        name.push('s');
    }
    name
}
