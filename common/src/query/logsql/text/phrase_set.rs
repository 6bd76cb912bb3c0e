//! Many phrases at once: those that are a single word are looked up in a hash set while walking over the words of the
//! text.

use hashbrown::HashSet;

use super::phrase::{Phrase, is_word, words};

/// So many phrases are searched one by one.
const FEW: usize = 8;

/// Any of some phrases, none of them empty.
#[derive(Debug, Clone)]
pub(super) struct AnyPhrase {
    words: HashSet<Box<str>>,
    phrases: Vec<Phrase>,
}

/// All of some phrases, none of them empty.
#[derive(Debug, Clone)]
pub(super) struct AllPhrases(Vec<Phrase>);

impl AnyPhrase {
    pub(super) fn new(phrases: &[String]) -> Self {
        let many = phrases.len() > FEW;
        let (words, phrases): (Vec<_>, Vec<_>) = phrases.iter().partition(|phrase| many && is_word(phrase));
        Self {
            words: words.into_iter().map(|word| word.as_str().into()).collect(),
            phrases: phrases.into_iter().map(|phrase| Phrase::new(phrase)).collect(),
        }
    }

    pub(super) fn is_in(&self, value: &str) -> bool {
        !self.words.is_empty() && words(value).any(|word| self.words.contains(word))
            || self.phrases.iter().any(|phrase| phrase.find(value).is_some())
    }
}

impl AllPhrases {
    /// Leaves empty phrases out.
    pub(super) fn new(phrases: &[String]) -> Self {
        let distinct: HashSet<&String> = phrases.iter().filter(|phrase| !phrase.is_empty()).collect();
        let mut distinct: Vec<_> = distinct.into_iter().collect();
        // The longest is the least likely to be found.
        distinct.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        Self(distinct.into_iter().map(|phrase| Phrase::new(phrase)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn are_in(&self, value: &str) -> bool {
        self.0.iter().all(|phrase| phrase.find(value).is_some())
    }
}
