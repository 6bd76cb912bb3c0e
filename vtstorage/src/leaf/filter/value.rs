//! A predicate made ready to be tested on values of each type.

use super::field::FieldTest;
use super::text::{Exact, TextTest, canonical_id};
use common::contract::QueryError;
use common::query::{Column, Predicate};
use common::value::AttrValue;

/// A compiled [`Predicate`].
#[derive(Clone, Debug)]
pub(super) enum ValueTest {
    Exists,
    Is(AttrValue),
    Text(Box<TextTest>),
    Number { min: f64, max: f64 },
    Int { min: i128, max: i128 },
    Field(Box<FieldTest>),
}

/// A test of texts.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnyText<'a> {
    Value(&'a TextTest),
    Field(&'a FieldTest),
}

/// What a predicate asks of whole numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum IntTest<'a> {
    Never,
    Always,
    Within(i128, i128),
    /// As doubles
    Near(f64, f64),
    /// As doubles, but not zero
    NearNotZero(f64, f64),
    OneOf(&'a [i128]),
    /// Their decimal form; of zero it may be known beforehand
    Text(AnyText<'a>, Option<bool>),
}

/// What a predicate asks of ids.
#[derive(Clone, Debug)]
pub(super) enum IdTest<'a, const N: usize> {
    Never,
    Always,
    OneOf(Vec<[u8; N]>),
    /// Their hexadecimal form
    Text(AnyText<'a>),
}

impl AnyText<'_> {
    /// Whether it holds for a text, which must be UTF-8.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Value(test) => test.matches(text),
            Self::Field(test) => test.matches_bytes(text),
        }
    }
}

impl ValueTest {
    /// A predicate on `column`. Fails on a bad regular expression.
    pub(super) fn new(column: &Column, predicate: &Predicate) -> Result<Self, QueryError> {
        Ok(match predicate {
            Predicate::Exists => Self::Exists,
            Predicate::Is(value) => Self::Is(value.clone()),
            Predicate::Text(text) => Self::Text(TextTest::new(text)?.into()),
            Predicate::Number { min, max } => Self::Number { min: *min, max: *max },
            Predicate::Int { min, max } => Self::Int { min: *min, max: *max },
            Predicate::Field(text) => Self::Field(FieldTest::new(column, text).into()),
        })
    }

    pub(super) fn ints(&self) -> IntTest<'_> {
        match self {
            Self::Exists => IntTest::Always,
            Self::Is(AttrValue::Int(int)) => IntTest::Within(i128::from(*int), i128::from(*int)),
            Self::Is(_) => IntTest::Never,
            Self::Text(text) => match text.exact().map(|exact| exact.ints.as_slice()) {
                Some([]) => IntTest::Never,
                Some([int]) => IntTest::Within(*int, *int),
                Some(ints) => IntTest::OneOf(ints),
                None => IntTest::Text(AnyText::Value(text), None),
            },
            Self::Number { min, max } => IntTest::Near(*min, *max),
            Self::Int { min, max } => IntTest::Within(*min, *max),
            Self::Field(test) => match (test.ints(), test.bounds()) {
                (Some([]), _) => IntTest::Never,
                (Some([int]), _) => IntTest::Within(*int, *int),
                (Some(ints), _) => IntTest::OneOf(ints),
                (None, Some((min, max))) if test.zero().is_some() => IntTest::NearNotZero(min, max),
                (None, Some((min, max))) => IntTest::Near(min, max),
                (None, None) => IntTest::Text(AnyText::Field(test), test.zero()),
            },
        }
    }

    pub(super) fn ids<const N: usize>(&self) -> IdTest<'_, N> {
        match self {
            Self::Exists => IdTest::Always,
            Self::Is(AttrValue::Str(text)) => canonical_id(text).map_or(IdTest::Never, |id| IdTest::OneOf(vec![id])),
            Self::Text(text) => match text.exact() {
                Some(Exact { texts, .. }) => IdTest::OneOf(texts.iter().filter_map(|t| canonical_id(t)).collect()),
                None => IdTest::Text(AnyText::Value(text)),
            },
            Self::Field(test) => match test.ids() {
                Some(ids) => IdTest::OneOf(ids),
                None => IdTest::Text(AnyText::Field(test)),
            },
            Self::Is(_) | Self::Number { .. } | Self::Int { .. } => IdTest::Never,
        }
    }

    /// Whether it holds for a text, which must be UTF-8.
    #[inline]
    pub(super) fn text(&self, text: &[u8]) -> bool {
        match self {
            Self::Text(test) => test.matches(text),
            Self::Exists => true,
            Self::Is(AttrValue::Str(wanted)) => wanted.as_bytes() == text,
            Self::Field(test) => test.matches_bytes(text),
            Self::Is(_) | Self::Number { .. } | Self::Int { .. } => false,
        }
    }

    pub(super) fn bool(&self, value: bool) -> bool {
        match self {
            Self::Text(test) => test.matches_bool(value),
            Self::Exists => true,
            Self::Is(wanted) => *wanted == AttrValue::Bool(value),
            Self::Field(test) => test.matches_bool(value),
            Self::Number { .. } | Self::Int { .. } => false,
        }
    }

    pub(super) fn double(&self, value: f64, scratch: &mut String) -> bool {
        match self {
            Self::Number { min, max } => *min <= value && value <= *max,
            Self::Text(test) => test.matches_double(value, scratch),
            Self::Exists => true,
            Self::Is(wanted) => AttrValue::Double(value).same(wanted),
            Self::Field(test) => test.matches_double(value),
            Self::Int { .. } => false,
        }
    }

    pub(super) fn value(&self, value: &AttrValue, scratch: &mut String) -> bool {
        match (self, value) {
            (Self::Exists, _) => true,
            (Self::Is(wanted), _) => value.same(wanted),
            (_, AttrValue::Str(text)) => self.text(text.as_bytes()),
            (_, AttrValue::Int(int)) => self.ints().holds(i128::from(*int), scratch),
            (_, AttrValue::Double(double)) => self.double(*double, scratch),
            (_, AttrValue::Bool(bool)) => self.bool(*bool),
            (Self::Field(test), _) => test.matches_value(value),
            (Self::Text(test), AttrValue::Empty) => test.matches_empty(),
            (Self::Text(test), AttrValue::Bytes(_) | AttrValue::Array(_) | AttrValue::Map(_)) => {
                scratch.clear();
                value.write_text(scratch);
                test.matches(scratch.as_bytes())
            }
            (Self::Number { .. } | Self::Int { .. }, _) => false,
        }
    }
}

impl IntTest<'_> {
    fn holds(&self, int: i128, scratch: &mut String) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Within(min, max) => *min <= int && int <= *max,
            Self::Near(min, max) => *min <= int as f64 && int as f64 <= *max,
            Self::NearNotZero(min, max) => int != 0 && *min <= int as f64 && int as f64 <= *max,
            Self::OneOf(ints) => ints.binary_search(&int).is_ok(),
            Self::Text(_, Some(zero)) if int == 0 => *zero,
            Self::Text(test, _) => {
                use std::fmt::Write as _;
                scratch.clear();
                let _ = write!(scratch, "{int}");
                test.matches(scratch.as_bytes())
            }
        }
    }
}
