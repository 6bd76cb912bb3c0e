//! `unpack_words`: the words of a text as a JSON array.

use std::collections::HashSet;

use super::super::super::ast::pipes;
use super::super::super::is_word_char;
use super::super::{Rows, json};
use super::Transform;
use super::per_block::derive;

pub(super) struct UnpackWords(pipes::UnpackWords);

impl UnpackWords {
    pub(super) fn new(shape: &pipes::UnpackWords) -> Self {
        Self(shape.clone())
    }
}

impl Transform for UnpackWords {
    fn apply(&mut self, rows: &mut Rows) {
        let shape = &self.0;
        derive(rows, &shape.from, &shape.result, |value| {
            let words = value.split(|c| !is_word_char(c)).filter(|word| !word.is_empty());
            if shape.drop_duplicates {
                let mut seen = HashSet::new();
                json::array(words.filter(|word| seen.insert(*word))).into()
            } else {
                json::array(words).into()
            }
        });
    }
}
