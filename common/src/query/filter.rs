//! Filters: boolean expressions over predicates on columns.

use super::logsql::text::TextFilter;
use super::{Column, TextMatch};
use crate::value::AttrValue;
use crate::wire::depth;
use serde::{Deserialize, Serialize};

/// A condition on one value. A row without the value matches none of them but [`Predicate::Field`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Predicate {
    /// There is a value.
    Exists,
    /// The same type and value: `Int(1)` does not equal `Str("1")`, nor `Double(1.0)`.
    Is(AttrValue),
    /// The value's text form matches, whatever its type: `123` finds the int 123 and the text "123".
    Text(TextMatch),
    /// An int or double within both bounds, inclusive. Other types do not match.
    Number { min: f64, max: f64 },
    /// An int (also times and durations, as unsigned 64-bit numbers) within both bounds, inclusive.
    Int { min: i128, max: i128 },
    /// The text of the field ([`super::field_text()`]) passes the test. A row without the value has the empty text.
    Field(TextFilter),
}

/// A condition on one span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Filter {
    /// Every span.
    All,
    /// No span.
    None,
    #[serde(deserialize_with = "depth::bounded")]
    And(Vec<Filter>),
    #[serde(deserialize_with = "depth::bounded")]
    Or(Vec<Filter>),
    #[serde(deserialize_with = "depth::bounded")]
    Not(Box<Filter>),
    Test(Column, Predicate),
}

impl Filter {
    pub fn text_equals(column: Column, text: &str) -> Self {
        Self::Test(column, Predicate::Text(TextMatch::Equals(text.into())))
    }

    /// Both conditions; flattens nested conjunctions and drops [`Filter::All`].
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, f) | (f, Self::All) => f,
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::And(mut a), Self::And(b)) => {
                a.extend(b);
                Self::And(a)
            }
            (Self::And(mut a), f) => {
                a.push(f);
                Self::And(a)
            }
            (f, g) => Self::And(vec![f, g]),
        }
    }

    /// Any of the conditions.
    pub fn any(filters: Vec<Self>) -> Self {
        match filters.len() {
            0 => Self::None,
            1 => filters.into_iter().next().unwrap_or(Self::None),
            _ => Self::Or(filters),
        }
    }
}

impl std::ops::Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Not(inner) => *inner,
            f => Self::Not(Box::new(f)),
        }
    }
}
