//! `set_stream_fields if (...) a, b*`: other labels for the stream of a row.

use std::fmt;

use super::super::super::ast::{FieldPattern, Filter, Part};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{condition, patterns};
use super::{Shape, visit_condition, write_condition};

/// Makes the labels of the stream from fields.
#[derive(Debug, Clone, PartialEq)]
pub struct SetStreamFields {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// The fields, at least one.
    pub fields: Vec<FieldPattern>,
}

impl Shape for SetStreamFields {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        Ok(Self {
            condition: condition(c)?,
            fields: patterns(c)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        let (first, rest) = self.fields.split_first().ok_or(fmt::Error)?;
        let is_word = first.as_str().eq_ignore_ascii_case("if");
        if is_word {
            write!(f, " \"{first}\"")?
        } else {
            write!(f, " {first}")?
        }
        rest.iter().try_for_each(|field| write!(f, ", {field}"))
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }
}
