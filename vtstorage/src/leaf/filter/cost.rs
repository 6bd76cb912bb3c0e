//! What is tested first: what costs little and leaves few rows. Estimated from the kind of column and predicate alone.

use super::value::ValueTest;
use common::query::{AttrLevel, Column, SpanField};

/// Ascending in the order in which tests of one conjunction are made.
pub(super) type Cost = u32;

/// Start time and duration: numbers of every row.
pub(super) const NUMBER: Cost = 20;

pub(super) fn of_test(column: &Column, test: &ValueTest) -> Cost {
    let column = match column {
        Column::Field(SpanField::TraceId) => 0,
        Column::Field(SpanField::Kind | SpanField::StatusCode) => 4,
        Column::Attr {
            level: AttrLevel::Resource,
            ..
        } => 6,
        Column::Attr {
            level: AttrLevel::Scope,
            ..
        }
        | Column::Field(SpanField::ScopeName | SpanField::ScopeVersion) => 8,
        Column::Field(SpanField::Name) => 10,
        Column::Field(SpanField::Start | SpanField::End | SpanField::Duration) => NUMBER,
        Column::Field(_) => 22,
        Column::Attr {
            level: AttrLevel::Span, ..
        } => 24,
        Column::Event { .. } | Column::Link { .. } => 40,
    };
    column + of_value(test)
}

fn of_value(test: &ValueTest) -> Cost {
    match test {
        ValueTest::Is(_) | ValueTest::Number { .. } | ValueTest::Int { .. } => 0,
        ValueTest::Text(text) if text.exact().is_some() => 0,
        ValueTest::Exists => 3,
        ValueTest::Text(text) if text.is_regex() => 30,
        ValueTest::Field(field) if field.matches_missing() => 13,
        ValueTest::Field(field) if field.texts().is_some() || field.bounds().is_some() => 0,
        ValueTest::Field(field) if field.is_regex() => 30,
        ValueTest::Text(_) | ValueTest::Field(_) => 5,
    }
}

/// Alternatives are all tested, and leave more rows.
pub(super) fn of_any(parts: impl Iterator<Item = Cost>) -> Cost {
    parts.sum::<Cost>().saturating_add(1)
}

/// What is left out is mostly little.
pub(super) fn of_not(inner: Cost) -> Cost {
    inner.saturating_add(10)
}
