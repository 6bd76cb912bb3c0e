//! `sort by (a desc, b) desc partition by (x) offset N limit N rank as r`.

use std::fmt;

use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{decimal, in_parens, name, names_in_parens};
use super::{Shape, quoted, write_by, write_limit, write_name};

/// Orders rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sort {
    /// Fields to order by; none for all fields of a row.
    pub by: Vec<SortField>,
    /// The whole order is reversed.
    pub descending: bool,
    /// The limit holds for each value of these fields.
    pub partition_by: Vec<String>,
    /// Rows to skip.
    pub offset: u64,
    /// Most rows; 0 for all.
    pub limit: u64,
    /// A field that gets the place of the row, from 1, counted before the offset.
    pub rank: Option<String>,
}

/// A field to order by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortField {
    /// The field.
    pub name: String,
    /// From the greatest.
    pub descending: bool,
}

impl Shape for Sort {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let by = if c.eat("by") || c.is("(") {
            sort_fields(c)?
        } else {
            Vec::new()
        };
        let mut sort = Self {
            by,
            descending: descending(c),
            ..Self::default()
        };
        loop {
            let twice = |c: &Cursor<'_>, set: bool| {
                if set {
                    Err(c.error("this was already given"))
                } else {
                    Ok(())
                }
            };
            if c.is("offset") {
                twice(c, sort.offset > 0)?;
                c.advance();
                sort.offset = decimal(c, "a number of rows")?;
            } else if c.is("limit") {
                twice(c, sort.limit > 0)?;
                c.advance();
                sort.limit = decimal(c, "a number of rows")?;
            } else if c.is("partition") {
                twice(c, !sort.partition_by.is_empty())?;
                sort.partition_by = partition(c)?;
            } else if c.is("rank") {
                sort.rank = rank(c)?;
            } else if !sort.partition_by.is_empty() && sort.limit == 0 {
                return Err(c.expected("'limit', which 'partition by' needs"));
            } else {
                return Ok(sort);
            }
        }
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_by(f, "by", &self.by)?;
        f.write_str(if self.descending { " desc" } else { "" })?;
        write_by(f, "partition by", quoted(&self.partition_by))?;
        if self.offset > 0 {
            write!(f, " offset {}", self.offset)?;
        }
        write_limit(f, self.limit)?;
        write_rank(f, self.rank.as_deref())
    }
}

/// `(a desc, b)`.
pub(in super::super) fn sort_fields(c: &mut Cursor<'_>) -> Result<Vec<SortField>> {
    in_parens(c, |c| {
        Ok(SortField {
            name: name(c)?,
            descending: descending(c),
        })
    })
}

fn descending(c: &mut Cursor<'_>) -> bool {
    let descending = c.eat("desc");
    if !descending {
        c.eat("asc");
    }
    descending
}

/// `partition [by] (a, b)`, if it is here.
pub(super) fn partition(c: &mut Cursor<'_>) -> Result<Vec<String>> {
    if !c.eat("partition") {
        return Ok(Vec::new());
    }
    c.eat("by");
    names_in_parens(c)
}

/// `rank [[as] name]`, if it is here.
pub(super) fn rank(c: &mut Cursor<'_>) -> Result<Option<String>> {
    if !c.eat("rank") {
        return Ok(None);
    }
    let named = c.eat("as") || !(c.at_part_end() || c.is_any(&["limit", "offset", "partition"]));
    Ok(Some(if named { name(c)? } else { "rank".to_owned() }))
}

/// Writes ` rank as name`.
pub(super) fn write_rank(f: &mut fmt::Formatter<'_>, rank: Option<&str>) -> fmt::Result {
    let Some(rank) = rank else {
        return Ok(());
    };
    f.write_str(" rank")?;
    write_name(f, "as", rank, "rank")
}

impl fmt::Display for SortField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            Quoted(&self.name),
            if self.descending { " desc" } else { "" }
        )
    }
}
