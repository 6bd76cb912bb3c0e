//! Texts that are sent once however often they occur.

use super::span_reader::Dangling;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rapidhash::v3::rapidhash_v3;
use std::sync::Arc;

/// Collects the distinct texts of an answer and numbers them.
#[derive(Default)]
pub(super) struct TextWriter<'t> {
    texts: Vec<&'t str>,
    numbers: HashTable<(u64, u32)>,
}

impl<'t> TextWriter<'t> {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &'t str) -> u32 {
        let hash = rapidhash_v3(text.as_bytes());
        let Self { texts, numbers } = self;
        let same = |(known, number): &(u64, u32)| *known == hash && texts.get(*number as usize) == Some(&text);
        match numbers.entry(hash, same, |(known, _)| *known) {
            Entry::Occupied(entry) => entry.get().1,
            Entry::Vacant(entry) => {
                let number = u32::try_from(texts.len()).unwrap_or(u32::MAX);
                entry.insert((hash, number));
                texts.push(text);
                number
            }
        }
    }

    pub(super) fn into_texts(self) -> Vec<&'t str> {
        self.texts
    }
}

/// The texts of a received answer, each made once and shared.
pub(super) struct Texts(Vec<Arc<str>>);

impl Texts {
    pub(super) fn new(texts: &[&str]) -> Self {
        Self(texts.iter().map(|text| Arc::from(*text)).collect())
    }

    /// The text of a number.
    pub(super) fn get(&self, number: u32) -> Result<Arc<str>, Dangling> {
        self.0.get(number as usize).cloned().ok_or(Dangling)
    }
}
