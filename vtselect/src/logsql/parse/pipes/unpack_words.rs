//! `unpack_words [from] f [as] r drop_duplicates`: the words of a text as a JSON array.

use std::fmt;

use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::{MESSAGE, at_any_or_end, name};
use super::unpack::source;
use super::{Shape, write_name};

/// Unpacks the words of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpackWords {
    /// The field with the text.
    pub from: String,
    /// Where the words go.
    pub result: String,
    /// Each word once.
    pub drop_duplicates: bool,
}

impl Shape for UnpackWords {
    fn parse(c: &mut Cursor<'_>, _: &str) -> Result<Self> {
        let from = source(c, &["drop_duplicates", "as"])?;
        let result = if c.eat("as") || !at_any_or_end(c, &["drop_duplicates"]) {
            name(c)?
        } else {
            from.clone()
        };
        Ok(Self {
            from,
            result,
            drop_duplicates: c.eat("drop_duplicates"),
        })
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, "from", &self.from, MESSAGE)?;
        write_name(f, "as", &self.result, &self.from)?;
        f.write_str(if self.drop_duplicates { " drop_duplicates" } else { "" })
    }

    fn keeps_time(&self) -> bool {
        self.result != "_time"
    }
}
