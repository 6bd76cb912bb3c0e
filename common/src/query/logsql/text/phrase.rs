//! Phrases: text with a word boundary at each end that is a word character.

use memchr::memmem::Finder;

use super::super::chars::is_word_char;

/// A phrase that is not empty.
#[derive(Debug, Clone)]
pub(super) struct Phrase {
    prefix: Prefix,
    ends_with_word: bool,
}

/// The start of a phrase, not empty: the boundary at the end is not needed.
#[derive(Debug, Clone)]
pub(super) struct Prefix {
    finder: Finder<'static>,
    starts_with_word: bool,
}

impl Phrase {
    pub(super) fn new(phrase: &str) -> Self {
        Self {
            prefix: Prefix::new(phrase),
            ends_with_word: phrase.chars().next_back().is_some_and(is_word_char),
        }
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> usize {
        self.prefix.finder.needle().len()
    }

    /// Where the phrase first stands in the text, in bytes.
    pub(super) fn find(&self, value: &str) -> Option<usize> {
        self.prefix.find_where(value, |at| {
            let after = value.get(at + self.len()..).unwrap_or("");
            !self.ends_with_word || !after.chars().next().is_some_and(joins_words)
        })
    }
}

impl Prefix {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            finder: Finder::new(prefix).into_owned(),
            starts_with_word: prefix.chars().next().is_some_and(is_word_char),
        }
    }

    pub(super) fn is_in(&self, value: &str) -> bool {
        self.find_where(value, |_| true).is_some()
    }

    /// The first place where it stands after a boundary and that is accepted.
    fn find_where(&self, value: &str, accept: impl Fn(usize) -> bool) -> Option<usize> {
        let bytes = value.as_bytes();
        let mut from = 0;
        while let Some(found) = self.finder.find(bytes.get(from..)?) {
            let at = from + found;
            let before = value.get(..at).unwrap_or("");
            let bounded = !self.starts_with_word || !before.chars().next_back().is_some_and(joins_words);
            if bounded && accept(at) {
                return Some(at);
            }
            from = at + 1;
        }
        None
    }
}

/// A replacement character stands for text that was lost, which may have been a part of the word.
fn joins_words(c: char) -> bool {
    is_word_char(c) || c == char::REPLACEMENT_CHARACTER
}

/// True when all characters are word characters, so that the phrase is found as a whole word or not at all.
pub(super) fn is_word(phrase: &str) -> bool {
    phrase
        .chars()
        .all(|c| is_word_char(c) && c != char::REPLACEMENT_CHARACTER)
}

/// The words of a text.
pub(super) fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c| !joins_words(c)).filter(|word| !word.is_empty())
}
