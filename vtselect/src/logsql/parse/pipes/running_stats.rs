//! `running_stats by (a) sum(b) as r, ...`, `total_stats ...`: aggregates that stay beside the rows.

use std::fmt;

use super::super::super::ast::{FieldPattern, List, write_separated};
use super::super::super::quote::Quoted;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{decimal, in_parens, name, names_in_parens, patterns_in_parens};
use super::{Shape, quoted, write_by};

/// Aggregates of the rows so far, or of all rows for `total_stats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningStats {
    /// What makes a group.
    pub by: Vec<String>,
    /// What is computed for each row, at least one.
    pub calls: Vec<RunningCall>,
}

/// A function, and where its result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningCall {
    /// The function.
    pub func: RunningFunc,
    /// The field that gets the result.
    pub result: String,
}

/// A function over the rows of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunningFunc {
    /// Rows, or rows with one of the fields.
    Count(Vec<FieldPattern>),
    /// The value of a field in the first row, or so many rows after it.
    First(String, u64),
    /// The value of a field in the last row, or so many rows before it.
    Last(String, u64),
    /// The greatest value.
    Max(Vec<FieldPattern>),
    /// The least value.
    Min(Vec<FieldPattern>),
    /// The sum.
    Sum(Vec<FieldPattern>),
}

impl Shape for RunningStats {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let by = if c.eat("by") || c.is("(") {
            names_in_parens(c)?
        } else {
            Vec::new()
        };
        let mut calls: Vec<RunningCall> = Vec::new();
        loop {
            let mark = c.mark();
            let func = function(c)?;
            let result = if c.is(",") || c.at_part_end() {
                func.to_string()
            } else {
                c.eat("as");
                name(c)?
            };
            if calls.iter().any(|call| call.result == result) {
                return Err(c.error_at(mark, format!("the result name '{result}' is already used in this pipe")));
            }
            calls.push(RunningCall { func, result });
            if !c.eat(",") {
                return Ok(Self { by, calls });
            }
        }
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_by(f, "by", quoted(&self.by))?;
        f.write_str(" ")?;
        write_separated(
            f,
            self.calls
                .iter()
                .map(|call| format!("{} as {}", call.func, Quoted(&call.result))),
            ", ",
        )
    }
}

fn function(c: &mut Cursor<'_>) -> Result<RunningFunc> {
    if c.eat("count") {
        fields(c).map(RunningFunc::Count)
    } else if c.eat("first") {
        place(c).map(|(field, offset)| RunningFunc::First(field, offset))
    } else if c.eat("last") {
        place(c).map(|(field, offset)| RunningFunc::Last(field, offset))
    } else if c.eat("max") {
        fields(c).map(RunningFunc::Max)
    } else if c.eat("min") {
        fields(c).map(RunningFunc::Min)
    } else if c.eat("sum") {
        fields(c).map(RunningFunc::Sum)
    } else {
        Err(c.expected("one of the functions count first last max min sum"))
    }
}

fn fields(c: &mut Cursor<'_>) -> Result<Vec<FieldPattern>> {
    let fields = patterns_in_parens(c)?;
    Ok(if fields.is_empty() {
        vec![FieldPattern::all()]
    } else {
        fields
    })
}

/// `(field) [offset N]`.
fn place(c: &mut Cursor<'_>) -> Result<(String, u64)> {
    let mark = c.mark();
    let [field] =
        <[String; 1]>::try_from(in_parens(c, name)?).map_err(|_| c.error_at(mark, "expected a single field"))?;
    let offset = if c.eat("offset") {
        decimal(c, "a number of rows")?
    } else {
        0
    };
    Ok((field, offset))
}

impl fmt::Display for RunningFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (function, field, offset) = match self {
            Self::Count(fields) => return write!(f, "count({})", List(fields)),
            Self::Max(fields) => return write!(f, "max({})", List(fields)),
            Self::Min(fields) => return write!(f, "min({})", List(fields)),
            Self::Sum(fields) => return write!(f, "sum({})", List(fields)),
            Self::First(field, offset) => ("first", field, offset),
            Self::Last(field, offset) => ("last", field, offset),
        };
        write!(f, "{function}({})", Quoted(field))?;
        if *offset > 0 {
            write!(f, " offset {offset}")
        } else {
            Ok(())
        }
    }
}
