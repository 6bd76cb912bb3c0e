//! `pack_json fields (a, b*) as r`, `pack_logfmt ...`: the fields of a row as one text.

use std::fmt;

use super::super::super::ast::FieldPattern;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, patterns_in_parens, result_name};
use super::{Shape, write_by, write_name};

/// Packs fields into one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// The fields; none for all.
    pub fields: Vec<FieldPattern>,
    /// Where the text goes.
    pub result: String,
}

impl Shape for Pack {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let mut fields = if c.eat("fields") {
            patterns_in_parens(c)?
        } else {
            Vec::new()
        };
        if fields.iter().any(FieldPattern::is_all) {
            fields.clear();
        }
        Ok(Self {
            fields,
            result: result_name(c, MESSAGE)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_by(f, "fields", &self.fields)?;
        write_name(f, "as", &self.result, MESSAGE)
    }

    fn keeps_time(&self) -> bool {
        self.result != "_time"
    }
}
