//! The executable form of a [`TextFilter`].

use std::net::Ipv6Addr;

use super::super::regexp::Regexp;
use super::super::value::{parse_ipv4, parse_ipv6, parse_number_or_unit};
use super::any_case::AnyCase;
use super::common_case;
use super::json_array;
use super::pattern::Pattern;
use super::phrase::{Phrase, Prefix};
use super::phrase_set::{AllPhrases, AnyPhrase};
use super::value_set::ValueSet;
use super::{TextFilter, ValueType};
use memchr::memmem::Finder;

/// A [`TextFilter`] made ready to test many texts.
#[derive(Debug, Clone)]
pub struct CompiledTextFilter(Test);

#[derive(Debug, Clone)]
enum Test {
    Always,
    Never,
    Empty,
    NotEmpty,
    Phrase(Phrase),
    Prefix(Prefix),
    Substring(Finder<'static>),
    AnyCasePhrase(AnyCase<Phrase>),
    AnyCasePrefix(AnyCase<Prefix>),
    Exact(Box<str>),
    ExactPrefix(Box<str>),
    Regexp(Regexp),
    In(ValueSet),
    ContainsAll(AllPhrases),
    ContainsAny(AnyPhrase),
    Sequence(Vec<Phrase>),
    Number { min: f64, max: f64 },
    StringRange { min: Box<str>, max: Option<Box<str>> },
    Length { min: u64, max: u64 },
    Ipv4 { min: u32, max: u32 },
    Ipv6 { min: Ipv6Addr, max: Ipv6Addr },
    ValueType(ValueType),
    Pattern(Pattern),
    JsonArray(ValueSet),
}

impl CompiledTextFilter {
    pub(super) fn new(filter: &TextFilter) -> Self {
        Self(compile(filter))
    }

    /// True when the text passes the test.
    pub fn matches(&self, value: &str) -> bool {
        match &self.0 {
            Test::Always => true,
            Test::Never => false,
            Test::Empty => value.is_empty(),
            Test::NotEmpty => !value.is_empty(),
            Test::Phrase(phrase) => phrase.find(value).is_some(),
            Test::Prefix(prefix) => prefix.is_in(value),
            Test::Substring(finder) => finder.find(value.as_bytes()).is_some(),
            Test::AnyCasePhrase(phrase) => phrase.test(value, |phrase, value| phrase.find(value).is_some()),
            Test::AnyCasePrefix(prefix) => prefix.test(value, Prefix::is_in),
            Test::Exact(expected) => value == &**expected,
            Test::ExactPrefix(prefix) => value.starts_with(&**prefix),
            Test::Regexp(regexp) => regexp.is_match(value),
            Test::In(set) => set.contains(value),
            Test::ContainsAll(phrases) => phrases.are_in(value),
            Test::ContainsAny(phrases) => phrases.is_in(value),
            Test::Sequence(phrases) => in_sequence(phrases, value),
            Test::Number { min, max } => parse_number_or_unit(value).is_some_and(|n| n >= *min && n <= *max),
            Test::StringRange { min, max } => value >= &**min && max.as_deref().is_none_or(|max| value < max),
            Test::Length { min, max } => has_length(value, *min, *max),
            Test::Ipv4 { min, max } => parse_ipv4(value).is_some_and(|ip| (*min..=*max).contains(&ip)),
            Test::Ipv6 { min, max } => parse_ipv6(value).is_some_and(|ip| (*min..=*max).contains(&ip)),
            Test::ValueType(expected) => ValueType::of_column([value]) == Some(*expected),
            Test::Pattern(pattern) => pattern.is_in(value),
            Test::JsonArray(set) => json_array::any(value, |item| set.contains(item)),
        }
    }

    /// True when the empty text passes, and so a row without the value.
    pub fn matches_missing(&self) -> bool {
        self.matches("")
    }

    /// True when every text passes.
    pub fn is_always(&self) -> bool {
        matches!(self.0, Test::Always)
    }
}

fn compile(filter: &TextFilter) -> Test {
    match filter {
        TextFilter::Phrase(s) | TextFilter::AnyCasePhrase(s) if s.is_empty() => Test::Empty,
        TextFilter::Prefix(s) | TextFilter::AnyCasePrefix(s) if s.is_empty() => Test::NotEmpty,
        TextFilter::Substring(s) | TextFilter::ExactPrefix(s) if s.is_empty() => Test::Always,
        TextFilter::Phrase(phrase) => Test::Phrase(Phrase::new(phrase)),
        TextFilter::Prefix(prefix) => Test::Prefix(Prefix::new(prefix)),
        TextFilter::Substring(part) => Test::Substring(Finder::new(part).into_owned()),
        TextFilter::AnyCasePhrase(phrase) => Test::AnyCasePhrase(AnyCase::new(phrase, Phrase::new)),
        TextFilter::AnyCasePrefix(prefix) => Test::AnyCasePrefix(AnyCase::new(prefix, Prefix::new)),
        TextFilter::Exact(value) => Test::Exact(value.as_str().into()),
        TextFilter::ExactPrefix(prefix) => Test::ExactPrefix(prefix.as_str().into()),
        TextFilter::Regexp(regexp) => Test::Regexp(regexp.clone()),
        TextFilter::In(values) => Test::In(ValueSet::new(values)),
        TextFilter::ContainsAll(phrases) => contains_all(phrases),
        TextFilter::ContainsAny(phrases) => contains_any(phrases),
        TextFilter::Sequence(phrases) => sequence(phrases),
        TextFilter::Number { min, max } => Test::Number { min: *min, max: *max },
        TextFilter::StringRange { min, max } => Test::StringRange {
            min: min.as_str().into(),
            max: max.as_deref().map(Into::into),
        },
        TextFilter::Length { min, max } => Test::Length { min: *min, max: *max },
        TextFilter::Ipv4 { min, max } => Test::Ipv4 { min: *min, max: *max },
        TextFilter::Ipv6 { min, max } => Test::Ipv6 { min: *min, max: *max },
        TextFilter::ValueType(Some(value_type)) => Test::ValueType(*value_type),
        TextFilter::ValueType(None) => Test::Never,
        TextFilter::Pattern(ends, pattern) => Test::Pattern(Pattern::new(*ends, pattern)),
        TextFilter::JsonArrayContainsAny(values) => Test::JsonArray(ValueSet::new(values)),
        TextFilter::EqualsCommonCase(values) => Test::In(ValueSet::new(&common_case::spellings(values))),
        TextFilter::ContainsCommonCase(phrases) => contains_any(&common_case::spellings(phrases)),
    }
}

fn contains_all(phrases: &[String]) -> Test {
    let phrases = AllPhrases::new(phrases);
    if phrases.is_empty() {
        Test::Always
    } else {
        Test::ContainsAll(phrases)
    }
}

fn contains_any(phrases: &[String]) -> Test {
    if phrases.iter().any(String::is_empty) {
        Test::Always
    } else if phrases.is_empty() {
        Test::Never
    } else {
        Test::ContainsAny(AnyPhrase::new(phrases))
    }
}

fn sequence(phrases: &[String]) -> Test {
    let phrases: Vec<_> = phrases
        .iter()
        .filter(|s| !s.is_empty())
        .map(|s| Phrase::new(s))
        .collect();
    if phrases.is_empty() {
        Test::Always
    } else {
        Test::Sequence(phrases)
    }
}

/// What follows a phrase is searched as if it were a text of its own.
fn in_sequence(phrases: &[Phrase], value: &str) -> bool {
    let mut rest = value;
    phrases.iter().all(|phrase| {
        let tail = phrase.find(rest).and_then(|at| rest.get(at + phrase.len()..));
        rest = tail.unwrap_or("");
        tail.is_some()
    })
}

fn has_length(value: &str, min: u64, max: u64) -> bool {
    let bytes = value.len() as u64;
    // A character has at most four bytes.
    if bytes < min || bytes / 4 > max {
        return false;
    }
    (min..=max).contains(&(value.chars().count() as u64))
}
