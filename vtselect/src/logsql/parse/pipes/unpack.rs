//! `unpack_json if (...) from f fields (a, b*) result_prefix p keep_original_fields`, `unpack_logfmt ...`.

use std::fmt;

use super::super::super::ast::{FieldPattern, Filter, Part};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, at_any_or_end, condition, name, patterns_in_parens};
use super::{Overwrite, Shape, visit_condition, write_by, write_condition, write_name};

/// Unpacks the fields in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpack {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// The field with the text.
    pub from: String,
    /// Which fields are unpacked; none for all.
    pub fields: Vec<FieldPattern>,
    /// Put in front of the names.
    pub result_prefix: String,
    /// What happens to fields that exist.
    pub overwrite: Overwrite,
}

impl Shape for Unpack {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let condition = condition(c)?;
        let from = source(
            c,
            &["fields", "result_prefix", "keep_original_fields", "skip_empty_results"],
        )?;
        let mut fields = if c.eat("fields") {
            patterns_in_parens(c)?
        } else {
            Vec::new()
        };
        if fields.iter().any(FieldPattern::is_all) {
            fields.clear();
        }
        Ok(Self {
            condition,
            from,
            fields,
            result_prefix: result_prefix(c)?,
            overwrite: Overwrite::parse(c),
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        write_name(f, "from", &self.from, MESSAGE)?;
        write_by(f, "fields", &self.fields)?;
        write_name(f, "result_prefix", &self.result_prefix, "")?;
        self.overwrite.write(f)
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }
}

/// `[from] f`, unless one of the words that may follow is here.
pub(super) fn source(c: &mut Cursor<'_>, next: &[&str]) -> Result<String> {
    if c.eat("from") || !at_any_or_end(c, next) {
        name(c)
    } else {
        Ok(MESSAGE.to_owned())
    }
}

/// `result_prefix p`, if it is here.
pub(super) fn result_prefix(c: &mut Cursor<'_>) -> Result<String> {
    if c.eat("result_prefix") {
        c.value("a prefix")
    } else {
        Ok(String::new())
    }
}
