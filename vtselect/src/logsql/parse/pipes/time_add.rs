//! `time_add 1h at f`: moves a time.

use std::fmt;

use super::super::super::value::parse_duration;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::name_after;
use super::{Shape, write_name};

/// Adds a duration to a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeAdd {
    /// Nanoseconds.
    pub duration: i64,
    text: String,
    /// The field with the time.
    pub field: String,
}

impl Shape for TimeAdd {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let mark = c.mark();
        let text = c.value("a duration")?;
        let duration =
            parse_duration(&text).ok_or_else(|| c.error_at(mark, format!("expected a duration, found '{text}'")))?;
        Ok(Self {
            duration,
            text,
            field: name_after(c, "at", "_time")?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", self.text)?;
        write_name(f, "at", &self.field, "_time")
    }

    fn keeps_time(&self) -> bool {
        self.field != "_time"
    }
}
