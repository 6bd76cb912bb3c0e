//! Tests of one text: what a LogsQL filter asks of the value of a field. A missing value is the empty text.
//!
//! [`TextFilter`] is plain data; [`CompiledTextFilter`] is the same made ready to test many values, so that a
//! dictionary column is tested once for each distinct value.

mod any_case;
mod common_case;
mod compiled;
mod json_array;
mod pattern;
mod phrase;
mod phrase_set;
#[cfg(test)]
mod tests;
mod value_set;
mod value_type;

use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;

use super::regexp::Regexp;
pub use compiled::CompiledTextFilter;
pub use pattern::PatternEnds;
pub use value_type::ValueType;

/// A test of one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TextFilter {
    /// Contains it, with a word boundary at each end that is a word character. The empty phrase is the empty text.
    Phrase(String),
    /// As a phrase without the boundary at the end. The empty prefix is any text but the empty one.
    Prefix(String),
    /// Contains it.
    Substring(String),
    /// A phrase in any case.
    AnyCasePhrase(String),
    /// A prefix in any case.
    AnyCasePrefix(String),
    /// Equals it.
    Exact(String),
    /// Starts with it.
    ExactPrefix(String),
    /// Has a match.
    Regexp(Regexp),
    /// Equals one of them.
    In(Vec<String>),
    /// Contains all of the phrases; empty ones are contained in every text.
    ContainsAll(Vec<String>),
    /// Contains one of the phrases; empty ones are contained in every text.
    ContainsAny(Vec<String>),
    /// Contains the phrases in this order without overlap; empty ones do not count.
    Sequence(Vec<String>),
    /// Is a number from `min` to `max`, both inclusive: a decimal, duration, size, time or IPv4 address.
    Number { min: f64, max: f64 },
    /// Is at least `min` and below `max` in the order of bytes; without `max` there is no upper bound.
    StringRange { min: String, max: Option<String> },
    /// Has from `min` to `max` characters, both inclusive.
    Length { min: u64, max: u64 },
    /// Is an IPv4 address from `min` to `max`, both inclusive.
    Ipv4 { min: u32, max: u32 },
    /// Is an IPv6 address from `min` to `max`, both inclusive; IPv4 addresses count as mapped ones.
    Ipv6 { min: Ipv6Addr, max: Ipv6Addr },
    /// Would be stored in this way if it were a column of its own; no type matches nothing. Whoever has the column
    /// should ask [`ValueType::of_column`] instead.
    ValueType(Option<ValueType>),
    /// Has text of a shape such as `abc <N> <IP4>`.
    Pattern(PatternEnds, String),
    /// Is a JSON array that has one of the values.
    JsonArrayContainsAny(Vec<String>),
    /// Equals one of the values, with any of its capital letters small, or all letters capital.
    EqualsCommonCase(Vec<String>),
    /// Contains one of the phrases, with any of its capital letters small, or all letters capital.
    ContainsCommonCase(Vec<String>),
}

impl TextFilter {
    /// Makes the test ready for many texts.
    pub fn compile(&self) -> CompiledTextFilter {
        CompiledTextFilter::new(self)
    }

    /// Tests a single text. For more than one, compile it.
    pub fn matches(&self, value: &str) -> bool {
        self.compile().matches(value)
    }
}
