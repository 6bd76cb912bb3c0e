//! `format if (...) "a<b>c" as r keep_original_fields`: a text out of fields.

use std::fmt;

use super::super::super::ast::{Filter, Part};
use super::super::super::pattern::{Step, parse_template};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, condition, name_after};
use super::{Overwrite, Shape, Unlike, visit_condition, write_condition, write_name};

/// Makes a text out of fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Format {
    /// Which rows are changed.
    pub condition: Option<Filter>,
    /// The template as it was given.
    pub template: String,
    /// The template.
    pub steps: Vec<Step>,
    /// Where the text goes.
    pub result: String,
    /// What happens to a field that exists.
    pub overwrite: Overwrite,
}

impl Shape for Format {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let condition = condition(c)?;
        let mark = c.mark();
        let template = c.value("a template")?;
        let steps = parse_template(&template)
            .map_err(|error| c.error_at(mark, format!("invalid template '{template}': {error}")))?;
        let result = name_after(c, "as", MESSAGE)?;
        Ok(Self {
            condition,
            template,
            steps,
            result,
            overwrite: Overwrite::parse(c),
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.condition)?;
        write!(f, " {}", Unlike(&self.template, &["if"]))?;
        write_name(f, "as", &self.result, MESSAGE)?;
        self.overwrite.write(f)
    }

    fn for_each_part(&mut self, visit: &mut dyn FnMut(Part<'_>)) {
        visit_condition(&mut self.condition, visit);
    }

    fn keeps_time(&self) -> bool {
        self.result != "_time"
    }
}
