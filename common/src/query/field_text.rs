//! The text of a span's field as LogsQL shows it and filters see it: VictoriaTraces' form of every value.
//!
//! | column | text |
//! |---|---|
//! | ids | lower-case hexadecimal |
//! | durations | decimal |
//! | times, kind, status code, flags, dropped counts | decimal; zero is no value |
//! | trace state, names, status message | as they are; empty is no value |
//! | attributes | texts as they are, empty ones as `-`; numbers in decimal; bools `true`/`false`; bytes in base64; arrays as JSON; maps have none, but what is inside of them |
//!
//! A missing value is the empty text.

use super::{Column, EventField, LinkField, SpanField};
use crate::value::AttrValue;
use std::borrow::Cow;

/// What is shown for an attribute whose value is the empty text.
pub const EMPTY: &str = "-";

/// The text of a value of `column`.
pub fn field_text<'v>(column: &Column, value: &'v AttrValue) -> Cow<'v, str> {
    match value {
        AttrValue::Str(text) if !is_always_shown(column) => Cow::Borrowed(text),
        AttrValue::Int(0) if !is_always_shown(column) => Cow::Borrowed(""),
        value => attribute_text(value),
    }
}

/// The text of a value of a column of attributes.
pub fn attribute_text(value: &AttrValue) -> Cow<'_, str> {
    match value {
        AttrValue::Str(text) if text.is_empty() => EMPTY.into(),
        AttrValue::Str(text) => Cow::Borrowed(text),
        AttrValue::Double(number) => double_text(*number).into(),
        AttrValue::Bool(true) => "true".into(),
        AttrValue::Bool(false) => "false".into(),
        AttrValue::Empty | AttrValue::Map(_) => Cow::Borrowed(""),
        value => value.to_text().into(),
    }
}

/// Whether values are shown even where they are zero or empty: attributes and durations.
pub fn is_always_shown(column: &Column) -> bool {
    match column {
        Column::Attr { .. } => true,
        Column::Event { field, .. } => matches!(field, EventField::Attr(_)),
        Column::Link { field, .. } => matches!(field, LinkField::Attr(_)),
        Column::Field(field) => *field == SpanField::Duration,
    }
}

/// A double in the shortest decimal form, with an exponent where JavaScript would write one.
pub fn double_text(number: f64) -> String {
    let mut text = String::new();
    crate::value::write_js_double(number, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Attribute;

    #[test]
    fn values_show_as_victoriatraces_shows_them() {
        let attr = Column::span("a");
        let kind = Column::Field(SpanField::Kind);
        for (column, value, text) in [
            (&attr, AttrValue::from(""), "-"),
            (&attr, AttrValue::from("x"), "x"),
            (&attr, AttrValue::Int(0), "0"),
            (&attr, AttrValue::Double(72.5), "72.5"),
            (&attr, AttrValue::Double(1e21), "1e+21"),
            (&attr, AttrValue::Double(1.5e-7), "1.5e-7"),
            (&attr, AttrValue::Double(3.0), "3"),
            (&attr, AttrValue::Bool(false), "false"),
            (
                &attr,
                AttrValue::Array(vec![1i64.into(), 3.0.into(), 1e21.into(), "b".into()]),
                "[1,3,1e+21,\"b\"]",
            ),
            (
                &attr,
                AttrValue::Array(vec![AttrValue::Map(vec![
                    Attribute::new("z", 0.5),
                    Attribute::new("a", true),
                ])]),
                "[{\"z\":0.5,\"a\":true}]",
            ),
            (&attr, AttrValue::Map(vec![Attribute::new("z", 0.5)]), ""),
            (&kind, AttrValue::Int(0), ""),
            (&kind, AttrValue::Int(2), "2"),
            (&Column::Field(SpanField::Duration), AttrValue::Int(0), "0"),
        ] {
            assert_eq!(field_text(column, &value), text, "{value:?}");
        }
    }
}
