//! `json_array_concat "," from f as r`: the items of a JSON array as one text.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, at_any_or_end, name};
use super::{Shape, Unlike, write_name};

/// Joins the items of a JSON array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonArrayConcat {
    /// What stands between the items.
    pub delimiter: String,
    /// The field with the array.
    pub from: String,
    /// Where the text goes.
    pub result: String,
}

impl Shape for JsonArrayConcat {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let delimiter = if at_any_or_end(c, &["from", "as"]) {
            String::new()
        } else {
            c.value("a delimiter")?
        };
        let from = if c.eat("from") || !at_any_or_end(c, &["as"]) {
            name(c)?
        } else {
            MESSAGE.to_owned()
        };
        let result = if c.eat("as") || !c.at_part_end() {
            name(c)?
        } else {
            from.clone()
        };
        Ok(Self {
            delimiter,
            from,
            result,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.delimiter.is_empty() {
            write!(f, " {}", Unlike(&self.delimiter, &["as", "from"]))?;
        }
        write_name(f, "from", &self.from, MESSAGE)?;
        write_name(f, "as", &self.result, &self.from)
    }

    fn keeps_time(&self) -> bool {
        self.result != "_time"
    }
}
