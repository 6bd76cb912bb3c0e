//! Predicates over the text form of a value ([`crate::value::AttrValue::to_text`]).

use super::super::contract::QueryError;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;

/// A condition on a text, as plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TextMatch {
    Equals(Arc<str>),
    In(Vec<Arc<str>>),
    Prefix(Arc<str>),
    Contains(Arc<str>),
    /// A regular expression (crate `regex` syntax) that matches anywhere unless it is anchored.
    Regex(Arc<str>),
}

/// A [`TextMatch`] made ready to test many texts.
#[derive(Clone, Debug)]
pub enum TextMatcher {
    Equals(Arc<str>),
    In(Arc<HashSet<Arc<str>>>),
    Prefix(Arc<str>),
    Contains(Arc<str>),
    Regex(Regex),
}

/// The memory a compiled pattern may take.
const REGEX_SIZE_LIMIT: usize = 4 << 20;

impl TextMatch {
    /// Fails on a pattern that is no regular expression or is too large.
    pub fn compile(&self) -> Result<TextMatcher, QueryError> {
        Ok(match self {
            Self::Equals(s) => TextMatcher::Equals(s.clone()),
            Self::In(set) => TextMatcher::In(Arc::new(set.iter().cloned().collect())),
            Self::Prefix(s) => TextMatcher::Prefix(s.clone()),
            Self::Contains(s) => TextMatcher::Contains(s.clone()),
            Self::Regex(pattern) => TextMatcher::Regex(
                regex::RegexBuilder::new(pattern)
                    .size_limit(REGEX_SIZE_LIMIT)
                    .build()
                    .map_err(|e| QueryError::Invalid(format!("bad regular expression {pattern:?}: {e}")))?,
            ),
        })
    }
}

impl TextMatcher {
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Equals(s) => **s == *text,
            Self::In(set) => set.contains(text),
            Self::Prefix(s) => text.starts_with(&**s),
            Self::Contains(s) => text.contains(&**s),
            Self::Regex(r) => r.is_match(text),
        }
    }
}
