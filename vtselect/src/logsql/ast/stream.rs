//! Stream selectors, `{a="x",b=~"y.*" or c!="z"}`, and stream ids.

use std::fmt;

use super::super::quote::{InQuotes, Quoted, unquote_prefix};
use super::super::regexp::Regexp;
use super::Subquery;
use super::field::write_separated;

/// Streams that satisfy one of the alternatives. No test at all selects every stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSelector {
    /// Alternatives; each is a list of tests that all must hold.
    pub any_of: Vec<Vec<StreamTest>>,
}

/// A test of one label.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamTest {
    /// Name of the label; a missing label has the value "".
    pub label: String,
    /// What its value must be.
    pub test: StreamMatch,
}

/// What the value of a label must be. Expressions must match the whole value.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum StreamMatch {
    Equal(String),
    NotEqual(String),
    Regexp(Regexp),
    NotRegexp(Regexp),
}

impl StreamSelector {
    /// True when a stream with these labels is selected. `label` returns the value of a label, "" when it is missing.
    pub fn matches<'v>(&self, label: impl Fn(&str) -> &'v str) -> bool {
        self.any_of
            .iter()
            .any(|tests| tests.iter().all(|test| test.matches(label(&test.label))))
    }

    /// True when the stream with this canonical name, `{a="x",b="y"}`, is selected; false for text that is no such
    /// name.
    pub fn matches_name(&self, name: &str) -> bool {
        let Some(labels) = parse_stream_name(name) else {
            return false;
        };
        self.matches(|label| {
            labels
                .iter()
                .find(|(name, _)| *name == label)
                .map_or("", |(_, value)| value.as_str())
        })
    }
}

impl StreamTest {
    fn matches(&self, value: &str) -> bool {
        match &self.test {
            StreamMatch::Equal(expected) => value == expected,
            StreamMatch::NotEqual(expected) => value != expected,
            StreamMatch::Regexp(regexp) => regexp.is_match(value),
            StreamMatch::NotRegexp(regexp) => !regexp.is_match(value),
        }
    }
}

fn parse_stream_name(name: &str) -> Option<Vec<(&str, String)>> {
    let mut rest = name.strip_prefix('{')?.strip_suffix('}')?;
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (label, tail) = rest.split_once('=')?;
        let (value, length) = unquote_prefix(tail).filter(|_| tail.starts_with('"'))?;
        labels.push((label, value));
        let tail = tail.get(length..)?;
        rest = if tail.is_empty() { tail } else { tail.strip_prefix(',')? };
    }
    Some(labels)
}

impl fmt::Display for StreamSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, tests) in self.any_of.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { " or " })?;
            write_separated(f, tests, ",")?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for StreamTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operator, value) = match &self.test {
            StreamMatch::Equal(value) => ("=", value.as_str()),
            StreamMatch::NotEqual(value) => ("!=", value.as_str()),
            StreamMatch::Regexp(regexp) => ("=~", regexp.text()),
            StreamMatch::NotRegexp(regexp) => ("!~", regexp.text()),
        };
        write!(f, "{}{operator}{}", Quoted(&self.label), InQuotes(value))
    }
}

/// The id of a stream: tenant and hash of the labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub [u8; 24]);

impl StreamId {
    /// Reads 48 hexadecimal digits.
    pub fn parse(s: &str) -> Option<Self> {
        let mut id = [0; 24];
        if s.len() != 2 * id.len() || !s.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        for (i, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(s.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The ids that `_stream_id:` selects.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamIds {
    /// Given in the query.
    List(Vec<StreamId>),
    /// The result of a query that is executed first.
    Query(Box<Subquery>),
}

impl fmt::Display for StreamIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(ids) if ids.len() == 1 => write_separated(f, ids, ","),
            Self::List(ids) => {
                f.write_str("in(")?;
                write_separated(f, ids, ",")?;
                f.write_str(")")
            }
            Self::Query(subquery) => write!(f, "in({})", subquery.query),
        }
    }
}
