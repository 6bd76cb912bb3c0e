//! `decolorize`: drops the colour sequences of terminals: `ESC [`, parameters, and a letter.

use std::borrow::Cow;

use super::super::super::ast::pipes;
use super::super::Rows;
use super::Transform;
use super::condition::Mask;
use super::per_block::update;

const START: &str = "\u{1b}[";

pub(super) struct Decolorize(pipes::Decolorize);

impl Decolorize {
    pub(super) fn new(shape: &pipes::Decolorize) -> Self {
        Self(shape.clone())
    }
}

impl Transform for Decolorize {
    fn apply(&mut self, rows: &mut Rows) {
        update(rows, &self.0.field, &Mask::All, without_colors);
    }
}

/// The text without colour sequences. One that does not end takes the rest of the text.
pub(super) fn without_colors(text: &str) -> Cow<'_, str> {
    let mut parts = text.split(START);
    let Some(first) = parts.next().filter(|first| first.len() < text.len()) else {
        return Cow::Borrowed(text);
    };
    let mut out = first.to_owned();
    for part in parts {
        // Parameters and intermediate characters, then the final one.
        let end = part.find(|c: char| !(' '..='?').contains(&c));
        let tail = end.and_then(|end| part.get(end..)).unwrap_or("");
        out.push_str(tail.strip_prefix(|c: char| ('@'..='~').contains(&c)).unwrap_or(tail));
    }
    Cow::Owned(out)
}
