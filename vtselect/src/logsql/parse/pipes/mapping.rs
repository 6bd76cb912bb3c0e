//! `copy a as b, c* as d*`, `rename ...`.

use std::fmt;

use super::super::super::ast::{FieldPattern, write_separated};
use super::super::Result;
use super::super::cursor::Cursor;
use super::super::fields::pattern;
use super::Shape;

/// Fields and the names that they, or copies of them, get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// From and to, at least one pair, applied in order.
    pub pairs: Vec<(FieldPattern, FieldPattern)>,
    rename: bool,
}

impl Shape for Mapping {
    fn parse(c: &mut Cursor<'_>, name: &str) -> Result<Self> {
        let mut pairs = Vec::new();
        loop {
            let from = pattern(c)?;
            c.eat("as");
            pairs.push((from, pattern(c)?));
            if !c.eat(",") {
                return Ok(Self {
                    pairs,
                    rename: name == "rename",
                });
            }
        }
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(" ")?;
        write_separated(f, self.pairs.iter().map(|(from, to)| format!("{from} as {to}")), ", ")
    }

    fn keeps_time(&self) -> bool {
        self.pairs
            .iter()
            .all(|(from, to)| !(to.matches("_time") || self.rename && from.matches("_time")))
    }
}
