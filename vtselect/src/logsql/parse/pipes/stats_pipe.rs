//! `stats by (a, b:bucket offset o) fn(...) if (...) as r, ...`: aggregation.

use std::fmt;

use super::super::super::ast::{Filter, Part, StatsFunc, write_separated};
use super::super::super::quote::Quoted;
use super::super::super::value::{Bucket, BucketSize};
use super::super::Result;
use super::super::cursor::{Cursor, NAME_END};
use super::super::fields::{MESSAGE, condition, in_parens, name};
use super::super::stats::function;
use super::{Shape, visit_condition, write_by, write_condition};

/// Aggregates groups of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    /// What makes a group; nothing for a single group of all rows.
    pub by: Vec<GroupBy>,
    /// What is computed for each group, at least one.
    pub calls: Vec<StatsCall>,
}

/// A field to group by.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBy {
    /// The field.
    pub field: String,
    /// What its values are rounded down to.
    pub bucket: Option<Bucket>,
    /// The size and the offset of the bucket as they were given.
    text: String,
}

/// A function, and where its result goes.
#[derive(Debug, Clone, PartialEq)]
pub struct StatsCall {
    /// The function.
    pub func: StatsFunc,
    /// Which rows it sees.
    pub condition: Option<Filter>,
    /// The field that gets the result.
    pub result: String,
}

impl GroupBy {
    /// A field as it is.
    pub fn field(name: impl Into<String>) -> Self {
        Self {
            field: name.into(),
            bucket: None,
            text: String::new(),
        }
    }

    /// A field in buckets; `size` and `offset` are text as a query has it. `None` when they cannot be read.
    pub fn bucketed(name: impl Into<String>, size: &str, offset: Option<&str>) -> Option<Self> {
        let bucket = Bucket {
            size: BucketSize::parse(size)?,
            offset: offset.map_or(Some(0.0), Bucket::parse_offset)?,
        };
        let text = offset.map_or_else(|| format!(":{size}"), |offset| format!(":{size} offset {offset}"));
        Some(Self {
            field: name.into(),
            bucket: Some(bucket),
            text,
        })
    }
}

impl Shape for Stats {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        parse(c)
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_by(f, "by", &self.by)?;
        f.write_str(" ")?;
        write_separated(f, &self.calls, ", ")
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        self.calls
            .iter_mut()
            .for_each(|call| visit_condition(&mut call.condition, visit));
    }
}

/// The arguments of `stats`, which may also stand alone.
pub(super) fn parse(c: &mut Cursor<'_>) -> Result<Stats> {
    let by = if c.eat("by") || c.is("(") {
        in_parens(c, group_by)?
    } else {
        Vec::new()
    };
    let mut stats = Stats { by, calls: Vec::new() };
    loop {
        let mark = c.mark();
        let call = call(c)?;
        if stats.by.iter().any(|by| by.field == call.result)
            || stats.calls.iter().any(|other| other.result == call.result)
        {
            return Err(c.error_at(
                mark,
                format!("the result name '{}' is already used in this pipe", call.result),
            ));
        }
        stats.calls.push(call);
        if !c.eat(",") {
            break;
        }
    }
    if c.at_part_end() {
        Ok(stats)
    } else {
        Err(c.expected("',' or the end of the pipe"))
    }
}

fn call(c: &mut Cursor<'_>) -> Result<StatsCall> {
    let func = function(c)?;
    let condition = condition(c)?;
    let result = if c.is(",") || c.at_part_end() {
        condition
            .as_ref()
            .map_or_else(|| func.to_string(), |condition| format!("{func} if ({condition})"))
    } else {
        c.eat("as");
        name(c)?
    };
    Ok(StatsCall {
        func,
        condition,
        result,
    })
}

/// `field`, `field:1h`, `field:/24`, `field:1h offset -5m`.
fn group_by(c: &mut Cursor<'_>) -> Result<GroupBy> {
    let field = c.compound("a field", NAME_END)?;
    let field = if field.is_empty() { MESSAGE.to_owned() } else { field };
    if !c.eat(":") {
        return Ok(GroupBy::field(field));
    }
    let mark = c.mark();
    let size = with_sign(c, "/", "the size of a bucket")?;
    let offset = if c.eat("offset") {
        Some(with_sign(c, "-", "the offset of a bucket")?)
    } else {
        None
    };
    GroupBy::bucketed(&field, &size, offset.as_deref()).ok_or_else(|| {
        c.error_at(
            mark,
            format!("expected the size and the offset of a bucket of '{field}', found '{size}'"),
        )
    })
}

/// A token, together with the symbol in front of it if that is here.
fn with_sign(c: &mut Cursor<'_>, sign: &str, what: &str) -> Result<String> {
    let signed = c.eat(sign);
    let text = c.take(what)?;
    Ok(if signed { format!("{sign}{text}") } else { text })
}

impl fmt::Display for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Quoted(&self.field), self.text)
    }
}

impl fmt::Display for StatsCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.func.fmt(f)?;
        write_condition(f, &self.condition)?;
        write!(f, " as {}", Quoted(&self.result))
    }
}
