//! `replace if (...) ("a", "b") at f limit N`, `replace_regexp ...`.

use std::fmt;

use super::super::super::ast::{Filter, Part};
use super::super::super::quote::Quoted;
use super::super::super::regexp::Regexp;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, condition, limit, name_after};
use super::{Shape, visit_condition, write_condition, write_limit, write_name};

/// Replaces a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Replace {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// The text that is replaced.
    pub old: String,
    /// The text that takes its place.
    pub new: String,
    /// The field that is changed.
    pub field: String,
    /// Most replacements per value; 0 for all.
    pub limit: u64,
}

/// Replaces what matches an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplaceRegexp {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// What is replaced.
    pub regexp: Regexp,
    /// What takes its place; `$1` and `${name}` are groups.
    pub replacement: String,
    /// The field that is changed.
    pub field: String,
    /// Most replacements per value; 0 for all.
    pub limit: u64,
}

impl Shape for Replace {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let condition = condition(c)?;
        c.expect("(")?;
        let old = c.value("the text to replace")?;
        let new = replacement(c)?;
        Ok(Self {
            condition,
            old,
            new,
            field: name_after(c, "at", MESSAGE)?,
            limit: limit(c)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        write!(f, " ({}, {})", Quoted(&self.old), Quoted(&self.new))?;
        write_name(f, "at", &self.field, MESSAGE)?;
        write_limit(f, self.limit)
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }
}

impl Shape for ReplaceRegexp {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let condition = condition(c)?;
        c.expect("(")?;
        let mark = c.mark();
        let text = c.value("a regular expression")?;
        let regexp = Regexp::plain(&text)
            .map_err(|error| c.error_at(mark, format!("invalid regular expression '{text}': {error}")))?;
        let replacement = replacement(c)?;
        Ok(Self {
            condition,
            regexp,
            replacement,
            field: name_after(c, "at", MESSAGE)?,
            limit: limit(c)?,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        write!(f, " ({}, {})", Quoted(self.regexp.text()), Quoted(&self.replacement))?;
        write_name(f, "at", &self.field, MESSAGE)?;
        write_limit(f, self.limit)
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }
}

/// The second argument, with the comma before and the parenthesis after it.
fn replacement(c: &mut Cursor<'_>) -> Result<String> {
    c.expect(",")?;
    let new = c.value("the replacement")?;
    c.expect(")")?;
    Ok(new)
}
