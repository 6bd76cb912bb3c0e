//! Filters: which rows match.

use std::fmt;
use std::net::Ipv6Addr;

pub use common::query::logsql::text::PatternEnds;

use super::super::quote::Quoted;
use super::super::regexp::Regexp;
use super::super::value::format_ipv4;
use super::field::write_separated;
use super::{
    AddressRange, DayRange, LengthRange, NumberRange, StreamIds, StreamSelector, StringRange, TimeFilter, Values,
    WeekRange,
};

/// The field that a filter without a field is about.
pub(in super::super) const MESSAGE: &str = "_msg";

/// A condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// `*`: every row.
    Any,
    /// All of at least two; none of them is an `And`.
    And(Vec<Filter>),
    /// One of at least two; none of them is an `Or`.
    Or(Vec<Filter>),
    /// Not this one, which is no `Not`.
    Not(Box<Filter>),
    /// `{...}`: the stream of the row.
    Stream(StreamSelector),
    /// `_stream_id:...`.
    StreamId(StreamIds),
    /// `_time:...`.
    Time(TimeFilter),
    /// `_time:day_range...`.
    DayRange(DayRange),
    /// `_time:week_range...`.
    WeekRange(WeekRange),
    /// `field:test`.
    Field(String, FieldTest),
}

/// What the value of a field must be. A missing field has the value "".
#[derive(Debug, Clone, PartialEq)]
pub enum FieldTest {
    /// `foo`, `"foo bar"`: contains it, with a word boundary at each end that is a word character; `""` is the empty
    /// value.
    Phrase(String),
    /// `foo*`: as a phrase, without the boundary at the end; `*` is any value that is not empty.
    Prefix(String),
    /// `*foo*`: contains it.
    Substring(String),
    /// `i(foo)`: a phrase in any case.
    AnyCasePhrase(String),
    /// `i(foo*)`: a prefix in any case.
    AnyCasePrefix(String),
    /// `=foo`: equals it.
    Exact(String),
    /// `=foo*`: starts with it.
    ExactPrefix(String),
    /// `~"re"`: has a match.
    Regexp(Regexp),
    /// `in(...)`: equals one of the values.
    In(Values),
    /// `contains_all(...)`: contains all of the phrases.
    ContainsAll(Values),
    /// `contains_any(...)`: contains one of the phrases.
    ContainsAny(Values),
    /// `seq(...)`: contains the phrases in this order without overlap.
    Sequence(Vec<String>),
    /// `> 5`, `range(1, 2]`: is a number in the range.
    Range(NumberRange),
    /// `> foo`, `string_range(a, b)`.
    StringRange(StringRange),
    /// `len_range(1, 2)`: has so many characters.
    LengthRange(LengthRange),
    /// `ipv4_range(...)`: is an IPv4 address in the range.
    Ipv4Range(AddressRange<u32>),
    /// `ipv6_range(...)`: is an IPv6 address in the range.
    Ipv6Range(AddressRange<Ipv6Addr>),
    /// `value_type(...)`: is stored in this way.
    ValueType(String),
    /// `eq_field(g)`: equals the value of another field.
    EqField(String),
    /// `le_field(g)`: is at most the value of another field.
    LeField(String),
    /// `lt_field(g)`: is less than the value of another field.
    LtField(String),
    /// `pattern_match(...)`: has text of the shape `abc <N> <IP4>`.
    PatternMatch(PatternEnds, String),
    /// `json_array_contains_any(...)`: is a JSON array with one of the values.
    JsonArrayContainsAny(Vec<String>),
    /// `equals_common_case(...)`: equals one of the values in a usual spelling: as given, lower case or upper case.
    EqualsCommonCase(Vec<String>),
    /// `contains_common_case(...)`: contains one of the phrases in a usual spelling.
    ContainsCommonCase(Vec<String>),
}

impl Filter {
    /// A test of a field; no field is `_msg`. The test of `*` without a field is passed by every row.
    pub(in super::super) fn field(field: Option<&str>, test: FieldTest) -> Self {
        let field = field.unwrap_or(MESSAGE);
        match test {
            FieldTest::Prefix(prefix) if field == MESSAGE && prefix.is_empty() => Self::Any,
            test => Self::Field(field.to_owned(), test),
        }
    }

    /// All of the filters: nested `And`s are opened, a single filter is itself.
    pub fn and(filters: Vec<Self>) -> Self {
        let mut all = Vec::with_capacity(filters.len());
        for filter in filters {
            match filter {
                Self::And(inner) => all.extend(inner),
                other => all.push(other),
            }
        }
        single_or(all, Self::And)
    }

    /// One of the filters: nested `Or`s are opened, a single filter is itself.
    pub fn or(filters: Vec<Self>) -> Self {
        let mut any = Vec::with_capacity(filters.len());
        for filter in filters {
            match filter {
                Self::Or(inner) => any.extend(inner),
                other => any.push(other),
            }
        }
        single_or(any, Self::Or)
    }

    /// The opposite; a double negation cancels.
    pub fn negate(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// True for `*`, which matches every row.
    pub fn is_star(&self) -> bool {
        matches!(self, Self::Any)
    }
}

fn single_or(mut filters: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.len() {
        1 => filters.swap_remove(0),
        _ => many(filters),
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::And(filters) => write_separated(f, filters.iter().map(InAnd), " "),
            Self::Or(filters) => write_separated(f, filters, " or "),
            Self::Not(filter) if matches!(**filter, Self::And(_) | Self::Or(_)) => write!(f, "!({filter})"),
            Self::Not(filter) => write!(f, "!{filter}"),
            Self::Stream(selector) => selector.fmt(f),
            Self::StreamId(ids) => write!(f, "_stream_id:{ids}"),
            Self::Time(time) => time.fmt(f),
            Self::DayRange(range) => range.fmt(f),
            Self::WeekRange(range) => range.fmt(f),
            Self::Field(field, test) if field == MESSAGE => test.fmt(f),
            Self::Field(field, test) => write!(f, "{}:{test}", Quoted(field)),
        }
    }
}

/// A part of an `And`: alternatives need parentheses.
struct InAnd<'a>(&'a Filter);

impl fmt::Display for InAnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Filter::Or(_) => write!(f, "({})", self.0),
            other => other.fmt(f),
        }
    }
}

impl fmt::Display for FieldTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phrase(phrase) => Quoted(phrase).fmt(f),
            Self::Prefix(prefix) => write_prefix(f, prefix),
            Self::Substring(text) => write!(f, "*{}*", Quoted(text)),
            Self::AnyCasePhrase(phrase) => write!(f, "i({})", Quoted(phrase)),
            Self::AnyCasePrefix(prefix) => {
                f.write_str("i(")?;
                write_prefix(f, prefix)?;
                f.write_str(")")
            }
            Self::Exact(value) => write!(f, "={}", Quoted(value)),
            Self::ExactPrefix(prefix) => write!(f, "={}*", Quoted(prefix)),
            Self::Regexp(regexp) => write!(f, "~{}", Quoted(regexp.text())),
            Self::In(values) => write!(f, "in({values})"),
            Self::ContainsAll(values) => write!(f, "contains_all({values})"),
            Self::ContainsAny(values) => write!(f, "contains_any({values})"),
            Self::Sequence(phrases) => write_call(f, "seq", phrases),
            Self::Range(range) => range.fmt(f),
            Self::StringRange(range) => range.fmt(f),
            Self::LengthRange(range) => write!(f, "len_range({range})"),
            Self::Ipv4Range(range) => write!(f, "ipv4_range({}, {})", format_ipv4(range.min), format_ipv4(range.max)),
            Self::Ipv6Range(range) => write!(f, "ipv6_range({range})"),
            Self::ValueType(kind) => write!(f, "value_type({})", Quoted(kind)),
            Self::EqField(field) => write!(f, "eq_field({})", Quoted(field)),
            Self::LeField(field) => write!(f, "le_field({})", Quoted(field)),
            Self::LtField(field) => write!(f, "lt_field({})", Quoted(field)),
            Self::PatternMatch(ends, pattern) => write!(f, "{}({})", ends.function(), Quoted(pattern)),
            Self::JsonArrayContainsAny(values) => write_call(f, "json_array_contains_any", values),
            Self::EqualsCommonCase(values) => write_call(f, "equals_common_case", values),
            Self::ContainsCommonCase(phrases) => write_call(f, "contains_common_case", phrases),
        }
    }
}

fn write_prefix(f: &mut fmt::Formatter<'_>, prefix: &str) -> fmt::Result {
    if prefix.is_empty() {
        f.write_str("*")
    } else {
        write!(f, "{}*", Quoted(prefix))
    }
}

fn write_call(f: &mut fmt::Formatter<'_>, function: &str, arguments: &[String]) -> fmt::Result {
    write!(f, "{function}(")?;
    write_separated(f, arguments.iter().map(|argument| Quoted(argument)), ",")?;
    f.write_str(")")
}
