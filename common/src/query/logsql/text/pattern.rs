//! Patterns with placeholders for numbers and what is made of numbers: `<N> <UUID> <IP4> <TIME> <DATE> <DATETIME>`, and
//! `<W>` for a word or a quoted string. Anything else in angle brackets is itself.

use super::super::chars::is_word_char;
use serde::{Deserialize, Serialize};

/// Which ends of the value a pattern must reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum PatternEnds {
    None,
    Start,
    End,
    Both,
}

impl PatternEnds {
    /// The name of the filter function.
    pub fn function(self) -> &'static str {
        match self {
            Self::None => "pattern_match",
            Self::Start => "pattern_match_prefix",
            Self::End => "pattern_match_suffix",
            Self::Both => "pattern_match_full",
        }
    }
}

/// A pattern in parts.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    ends: PatternEnds,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Literal(String),
    Number,
    Uuid,
    Ip4,
    Time,
    Date,
    DateTime,
    Word,
}

impl Pattern {
    pub(super) fn new(ends: PatternEnds, pattern: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = pattern;
        while let Some(at) = rest.find('<') {
            let (before, tail) = rest.split_at(at);
            literal.push_str(before);
            let Some((placeholder, after)) = tail.split_once('>') else {
                rest = tail;
                break;
            };
            match part(placeholder) {
                Some(part) => {
                    push_literal(&mut parts, &mut literal);
                    parts.push(part);
                }
                None => {
                    literal.push_str(placeholder);
                    literal.push('>');
                }
            }
            rest = after;
        }
        literal.push_str(rest);
        push_literal(&mut parts, &mut literal);
        Self { ends, parts }
    }

    pub(super) fn is_in(&self, value: &str) -> bool {
        let to_end = matches!(self.ends, PatternEnds::End | PatternEnds::Both);
        let accepted = |end: Option<usize>| end.is_some_and(|end| !to_end || end == value.len());
        if matches!(self.ends, PatternEnds::Start | PatternEnds::Both) {
            return accepted(self.end_from(value, 0));
        }
        let mut starts = value.char_indices().map(|(at, _)| at).chain([value.len()]);
        match self.parts.first() {
            Some(Part::Literal(literal)) => value
                .match_indices(literal.as_str())
                .any(|(at, _)| accepted(self.end_from(value, at))),
            _ => starts.any(|at| accepted(self.end_from(value, at))),
        }
    }

    /// Where the pattern ends when it starts here.
    fn end_from(&self, value: &str, start: usize) -> Option<usize> {
        self.parts.iter().try_fold(start, |at, part| part.end(value, at))
    }
}

fn push_literal(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
}

fn part(placeholder: &str) -> Option<Part> {
    Some(match placeholder {
        "<N" => Part::Number,
        "<UUID" => Part::Uuid,
        "<IP4" => Part::Ip4,
        "<TIME" => Part::Time,
        "<DATE" => Part::Date,
        "<DATETIME" => Part::DateTime,
        "<W" => Part::Word,
        _ => return None,
    })
}

impl Part {
    fn end(&self, value: &str, at: usize) -> Option<usize> {
        match self {
            Self::Literal(literal) => value
                .get(at..)?
                .starts_with(literal.as_str())
                .then(|| at + literal.len()),
            Self::Number => number(value, at),
            Self::Uuid => numbers(value, at, 5, b'-'),
            Self::Ip4 => numbers(value, at, 4, b'.'),
            Self::Time => time(value, at),
            Self::Date => date(value, at),
            Self::DateTime => date_time(value, at),
            Self::Word => word(value, at),
        }
    }
}

/// A decimal number, or a hexadecimal one of at least four digits, an even number of them: shorter ones are words.
/// Letters may stand next to it only if they are units or other usual company.
fn number(value: &str, at: usize) -> Option<usize> {
    let digits = value.get(at..)?;
    let length = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    let digits = digits.get(..length)?;
    let decimal = digits.bytes().all(|b| b.is_ascii_digit());
    if length == 0 || !decimal && (length < 4 || length % 2 == 1) {
        return None;
    }
    let before = value.get(..at)?.chars().next_back();
    let after = value.get(at + length..)?.chars().next();
    let free = |c: Option<char>, company: &str| c.is_none_or(|c| !is_word_char(c) || company.contains(c));
    (free(before, "_TXxvshm") && free(after, "_TZsmhun")).then_some(at + length)
}

fn numbers(value: &str, at: usize, count: usize, separator: u8) -> Option<usize> {
    (1..count).try_fold(number(value, at)?, |end, _| {
        number(value, after(value, end, &[separator])?)
    })
}

/// The place after one of these bytes.
fn after(value: &str, at: usize, bytes: &[u8]) -> Option<usize> {
    let byte = value.as_bytes().get(at)?;
    bytes.contains(byte).then_some(at + 1)
}

/// `hh:mm:ss` with an optional fraction.
fn time(value: &str, at: usize) -> Option<usize> {
    let end = numbers(value, at, 3, b':')?;
    let fraction = after(value, end, b".,").and_then(|at| number(value, at));
    Some(fraction.unwrap_or(end))
}

fn date(value: &str, at: usize) -> Option<usize> {
    numbers(value, at, 3, b'-').or_else(|| numbers(value, at, 3, b'/'))
}

/// A date and a time, with an optional zone.
fn date_time(value: &str, at: usize) -> Option<usize> {
    let end = time(value, after(value, date(value, at)?, b"T ")?)?;
    let zone = after(value, end, b"Z").or_else(|| numbers(value, after(value, end, b"+-")?, 2, b':'));
    Some(zone.unwrap_or(end))
}

/// A quoted string or a run of word characters.
fn word(value: &str, at: usize) -> Option<usize> {
    let rest = value.get(at..)?;
    let first = rest.chars().next()?;
    if matches!(first, '"' | '\'' | '`') {
        return Some(at + quoted_length(rest, first)?);
    }
    let length = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
    (length > 0).then_some(at + length)
}

/// The length of the quoted string that the text starts with; a backslash escapes except in backquotes.
fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = true;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == quote {
            return Some(at + 1);
        } else {
            escaped = c == '\\' && quote != '`';
        }
    }
    None
}
