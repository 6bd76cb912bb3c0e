//! `extract if (...) "a<b>c" from f keep_original_fields`, `extract_regexp ...`: new fields out of a text.

use std::fmt;

use super::super::super::ast::{Filter, Part};
use super::super::super::pattern::{Step, parse_pattern};
use super::super::super::quote::Quoted;
use super::super::super::regexp::Regexp;
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, condition, name_after};
use super::{Shape, visit_condition, write_condition, write_name};

/// What happens to a field that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// It gets the new value.
    #[default]
    Always,
    /// It stays, if it has a value.
    KeepOriginal,
    /// It gets the new value, if that is not empty.
    SkipEmpty,
}

impl Overwrite {
    pub(super) fn parse(c: &mut Cursor<'_>) -> Self {
        if c.eat("keep_original_fields") {
            Self::KeepOriginal
        } else if c.eat("skip_empty_results") {
            Self::SkipEmpty
        } else {
            Self::Always
        }
    }

    pub(super) fn write(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "",
            Self::KeepOriginal => " keep_original_fields",
            Self::SkipEmpty => " skip_empty_results",
        })
    }
}

/// Extracts fields by a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Extract {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// The pattern as it was given.
    pub pattern: String,
    /// The pattern.
    pub steps: Vec<Step>,
    /// The field with the text.
    pub from: String,
    /// What happens to fields that exist.
    pub overwrite: Overwrite,
}

impl Shape for Extract {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let condition = condition(c)?;
        let mark = c.mark();
        let pattern = c.value("a pattern")?;
        let steps = parse_pattern(&pattern)
            .map_err(|error| c.error_at(mark, format!("invalid pattern '{pattern}': {error}")))?;
        let from = name_after(c, "from", MESSAGE)?;
        Ok(Self {
            condition,
            pattern,
            steps,
            from,
            overwrite: Overwrite::parse(c),
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        write!(f, " {}", Quoted(&self.pattern))?;
        write_name(f, "from", &self.from, MESSAGE)?;
        self.overwrite.write(f)
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }

    fn keeps_time(&self) -> bool {
        self.steps.iter().all(|step| step.field != "_time")
    }
}

/// Extracts fields by the named groups of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractRegexp {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// The expression, with at least one named group.
    pub regexp: Regexp,
    /// The field with the text.
    pub from: String,
    /// What happens to fields that exist.
    pub overwrite: Overwrite,
}

impl Shape for ExtractRegexp {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let condition = condition(c)?;
        let mark = c.mark();
        let text = c.value("a regular expression")?;
        let regexp = Regexp::plain(&text)
            .map_err(|error| c.error_at(mark, format!("invalid regular expression '{text}': {error}")))?;
        if regexp.group_names().next().is_none() {
            return Err(c.error_at(mark, "expected a regular expression with a named group, (?P<name>...)"));
        }
        let from = name_after(c, "from", MESSAGE)?;
        Ok(Self {
            condition,
            regexp,
            from,
            overwrite: Overwrite::parse(c),
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        write!(f, " {}", Quoted(self.regexp.text()))?;
        write_name(f, "from", &self.from, MESSAGE)?;
        self.overwrite.write(f)
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }

    fn keeps_time(&self) -> bool {
        self.regexp.group_names().all(|name| name != "_time")
    }
}
