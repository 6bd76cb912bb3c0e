//! A test of a field's text made ready: it knows beforehand which numbers have a text that passes, so that most numbers
//! need not be printed, and what it says of values that are shown as no text or as another one.

use super::text::{canonical_id, canonical_int};
use common::query::logsql::text::{CompiledTextFilter, TextFilter};
use common::query::{Column, EMPTY_TEXT, attribute_text, double_text, is_always_shown};
use common::value::AttrValue;
use memchr::memmem::Finder;
use std::sync::Arc;

/// A compiled [`TextFilter`] for one column.
#[derive(Clone, Debug)]
pub(super) struct FieldTest {
    filter: CompiledTextFilter,
    how: How,
    is_attribute: bool,
    /// Whether it holds for rows without a value, and for values that are shown as no text
    if_missing: bool,
    /// Whether it holds for an attribute whose value is the empty text
    if_empty: bool,
    if_false: bool,
    if_true: bool,
}

/// What is asked, where it can be answered without the text.
#[derive(Clone, Debug)]
enum How {
    /// Equals one of the texts; the whole numbers among them, ascending
    OneOf {
        texts: Vec<Arc<str>>,
        ints: Vec<i128>,
    },
    Number {
        min: f64,
        max: f64,
    },
    Contains(Box<Finder<'static>>),
    Regexp,
    Other,
}

impl FieldTest {
    pub(super) fn new(column: &Column, filter: &TextFilter) -> Self {
        let compiled = filter.compile();
        let is_attribute = is_always_shown(column);
        let how = match filter {
            TextFilter::Exact(text) => one_of(std::slice::from_ref(text), is_attribute),
            TextFilter::In(texts) => one_of(texts, is_attribute),
            TextFilter::Number { min, max } => How::Number { min: *min, max: *max },
            TextFilter::Substring(part) => How::Contains(Finder::new(part).into_owned().into()),
            TextFilter::Regexp(_) => How::Regexp,
            _ => How::Other,
        };
        Self {
            how,
            is_attribute,
            if_missing: compiled.matches_missing(),
            if_empty: compiled.matches(if is_attribute { EMPTY_TEXT } else { "" }),
            if_false: compiled.matches("false"),
            if_true: compiled.matches("true"),
            filter: compiled,
        }
    }

    pub(super) fn matches_missing(&self) -> bool {
        self.if_missing
    }

    /// Whether it holds for every value and for none.
    pub(super) fn is_always(&self) -> bool {
        self.filter.is_always()
    }

    /// Whether it holds for a text value.
    #[inline]
    pub(super) fn matches(&self, text: &str) -> bool {
        if text.is_empty() {
            self.if_empty
        } else {
            self.filter.matches(text)
        }
    }

    /// As [`Self::matches`]; the text must be UTF-8.
    pub(super) fn matches_bytes(&self, text: &[u8]) -> bool {
        std::str::from_utf8(text).is_ok_and(|text| self.matches(text))
    }

    /// What it says of the number 0, where that is not told from its digits.
    pub(super) fn zero(&self) -> Option<bool> {
        (!self.is_attribute).then_some(self.if_missing)
    }

    pub(super) fn matches_bool(&self, value: bool) -> bool {
        if value { self.if_true } else { self.if_false }
    }

    pub(super) fn matches_double(&self, value: f64) -> bool {
        match self.how {
            How::Number { min, max } => min <= value && value <= max,
            _ => self.filter.matches(&double_text(value)),
        }
    }

    /// For values that are neither text nor number nor bool.
    pub(super) fn matches_value(&self, value: &AttrValue) -> bool {
        match value {
            AttrValue::Empty => self.if_missing,
            value => self.filter.matches(&attribute_text(value)),
        }
    }

    /// The only texts that pass, where they are finitely many. An attribute that is the empty text is shown as
    /// [`EMPTY_TEXT`].
    pub(super) fn texts(&self) -> Option<&[Arc<str>]> {
        match &self.how {
            How::OneOf { texts, .. } => Some(texts),
            _ => None,
        }
    }

    /// The only whole numbers that pass, where they are finitely many.
    pub(super) fn ints(&self) -> Option<&[i128]> {
        match &self.how {
            How::OneOf { ints, .. } => Some(ints),
            _ => None,
        }
    }

    /// The only ids that pass, where they are finitely many.
    pub(super) fn ids<const N: usize>(&self) -> Option<Vec<[u8; N]>> {
        Some(self.texts()?.iter().filter_map(|text| canonical_id(text)).collect())
    }

    /// The bounds, where it asks for a number.
    pub(super) fn bounds(&self) -> Option<(f64, f64)> {
        match self.how {
            How::Number { min, max } => Some((min, max)),
            _ => None,
        }
    }

    pub(super) fn is_regex(&self) -> bool {
        matches!(self.how, How::Regexp)
    }

    /// What to look for, where any text that contains it passes and no other value that is a text.
    pub(super) fn needle(&self) -> Option<&Finder<'static>> {
        match &self.how {
            How::Contains(finder) if !finder.needle().is_empty() && !self.if_empty => Some(finder),
            _ => None,
        }
    }

    /// Whether an attribute that is the empty text passes as what it is shown as.
    pub(super) fn matches_shown_empty(&self) -> bool {
        self.is_attribute && self.if_empty
    }
}

fn one_of(texts: &[String], is_attribute: bool) -> How {
    let mut ints: Vec<i128> = texts.iter().filter_map(|text| canonical_int(text)).collect();
    if !is_attribute {
        ints.retain(|int| *int != 0);
        ints.extend(texts.iter().filter(|text| text.is_empty()).map(|_| 0));
    }
    ints.sort_unstable();
    How::OneOf {
        texts: texts.iter().map(|text| text.as_str().into()).collect(),
        ints,
    }
}
