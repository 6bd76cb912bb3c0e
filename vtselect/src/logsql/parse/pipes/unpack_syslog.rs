//! `unpack_syslog if (...) from f offset d result_prefix p keep_original_fields`.

use std::fmt;

use super::super::super::ast::{Filter, Part};
use super::super::super::value::parse_duration;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, condition};
use super::unpack::{result_prefix, source};
use super::{Shape, visit_condition, write_condition, write_name};

/// Unpacks the parts of a syslog message.
#[derive(Debug, Clone, PartialEq)]
pub struct UnpackSyslog {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// The field with the message.
    pub from: String,
    /// How far times without a zone are east of UTC: nanoseconds and the text of it.
    pub offset: Option<(i64, String)>,
    /// Put in front of the names.
    pub result_prefix: String,
    /// Fields that have a value stay.
    pub keep_original_fields: bool,
}

impl Shape for UnpackSyslog {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let condition = condition(c)?;
        let from = source(c, &["offset", "result_prefix", "keep_original_fields"])?;
        let offset = if c.eat("offset") { Some(zone_offset(c)?) } else { None };
        let result_prefix = result_prefix(c)?;
        Ok(Self {
            condition,
            from,
            offset,
            result_prefix,
            keep_original_fields: c.eat("keep_original_fields"),
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        write_name(f, "from", &self.from, MESSAGE)?;
        if let Some((_, text)) = &self.offset {
            write!(f, " offset {text}")?;
        }
        write_name(f, "result_prefix", &self.result_prefix, "")?;
        f.write_str(if self.keep_original_fields {
            " keep_original_fields"
        } else {
            ""
        })
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }
}

fn zone_offset(c: &mut Cursor<'_>) -> Result<(i64, String)> {
    let mark = c.mark();
    let text = c.value("a duration")?;
    match parse_duration(&text) {
        Some(offset) => Ok((offset, text)),
        None => Err(c.error_at(mark, format!("expected a duration, found '{text}'"))),
    }
}
