//! `stream_context before N after M time_window d`: the neighbours of a row in its stream.

use std::fmt;

use super::super::super::value::{HOUR, format_duration, parse_duration};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::whole_number;
use super::Shape;

/// Adds the neighbours of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamContext {
    /// How many rows before.
    pub before: u64,
    /// How many rows after.
    pub after: u64,
    /// How far in time neighbours are looked for, nanoseconds.
    pub time_window: i64,
}

impl Shape for StreamContext {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        if !c.is_any(&["before", "after"]) {
            return Err(c.expected("'before N' or 'after N'"));
        }
        let mut context = Self {
            before: 0,
            after: 0,
            time_window: HOUR,
        };
        loop {
            if c.eat("before") {
                context.before = whole_number(c, 0)?.0;
            } else if c.eat("after") {
                context.after = whole_number(c, 0)?.0;
            } else {
                break;
            }
        }
        if c.eat("time_window") {
            let window = parse_duration(&c.token().text).filter(|&window| window > 0);
            context.time_window = window.ok_or_else(|| c.expected("a duration above 0"))?;
            c.advance();
        }
        Ok(context)
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.before > 0 {
            write!(f, " before {}", self.before)?;
        }
        if self.after > 0 || self.before == 0 {
            write!(f, " after {}", self.after)?;
        }
        if self.time_window == HOUR {
            Ok(())
        } else {
            write!(f, " time_window {}", format_duration(self.time_window))
        }
    }
}
