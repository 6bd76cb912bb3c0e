//! `extract_regexp`: fields out of a text by the named groups of an expression.

use super::super::super::ast::pipes;
use super::super::{Rows, Text};
use super::extract::extract_columns;
use super::{Condition, Transform};

pub(super) struct ExtractRegexp {
    shape: pipes::ExtractRegexp,
    condition: Condition,
}

impl ExtractRegexp {
    pub(super) fn new(shape: &pipes::ExtractRegexp, condition: Condition) -> Self {
        let shape = shape.clone();
        Self { shape, condition }
    }
}

impl Transform for ExtractRegexp {
    fn apply(&mut self, rows: &mut Rows) {
        let pipes::ExtractRegexp {
            regexp,
            from,
            overwrite,
            ..
        } = &self.shape;
        let names: Vec<&str> = regexp.group_names().collect();
        let extract = |value: &str| {
            let found = regexp.regex().captures(value);
            let text = |name: &&str| {
                found
                    .as_ref()
                    .and_then(|found| found.name(name))
                    .map_or("", |group| group.as_str())
            };
            names.iter().map(|name| Text::from(text(name))).collect()
        };
        extract_columns(rows, from, &names, &self.condition, *overwrite, extract);
    }
}
