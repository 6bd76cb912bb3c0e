//! `split "," from f as r`: the parts of a text as a JSON array.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, at_any_or_end, name};
use super::{Shape, Unlike, write_name};

/// Splits a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What stands between the parts.
    pub separator: String,
    /// The field with the text.
    pub from: String,
    /// Where the parts go.
    pub result: String,
}

impl Shape for Split {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        if c.is_any(&["as", "from"]) {
            return Err(c.expected("a separator"));
        }
        let separator = c.value("a separator")?;
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
            separator,
            from,
            result,
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {}", Unlike(&self.separator, &["as", "from"]))?;
        write_name(f, "from", &self.from, MESSAGE)?;
        write_name(f, "as", &self.result, &self.from)
    }

    fn keeps_time(&self) -> bool {
        self.result != "_time"
    }
}
