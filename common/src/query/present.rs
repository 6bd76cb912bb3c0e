//! Which columns of a span are shown: those whose text ([`super::field_text()`]) is not empty.

use super::eval::first_value;
use super::{AttrLevel, Column, EventField, LinkField, SpanField};
use crate::span::Span;
use crate::value::{AttrValue, Attribute, find, find_path};
use std::sync::Arc;

/// The fields of a span itself.
pub const SPAN_FIELDS: [SpanField; 17] = [
    SpanField::TraceId,
    SpanField::SpanId,
    SpanField::ParentSpanId,
    SpanField::TraceState,
    SpanField::Flags,
    SpanField::Name,
    SpanField::Kind,
    SpanField::Start,
    SpanField::End,
    SpanField::Duration,
    SpanField::DroppedAttributesCount,
    SpanField::DroppedEventsCount,
    SpanField::DroppedLinksCount,
    SpanField::StatusCode,
    SpanField::StatusMessage,
    SpanField::ScopeName,
    SpanField::ScopeVersion,
];

/// The fields of an event besides its attributes.
pub const EVENT_FIELDS: [EventField; 3] = [EventField::Name, EventField::Time, EventField::DroppedAttributesCount];

/// The fields of a link besides its attributes.
pub const LINK_FIELDS: [LinkField; 5] = [
    LinkField::TraceId,
    LinkField::SpanId,
    LinkField::TraceState,
    LinkField::Flags,
    LinkField::DroppedAttributesCount,
];

/// Whether an attribute with this value is shown.
pub fn has_text(value: &AttrValue) -> bool {
    match value {
        AttrValue::Empty | AttrValue::Map(_) => false,
        AttrValue::Bytes(bytes) => !bytes.is_empty(),
        _ => true,
    }
}

/// Calls `visit` once for each column that is shown; of events and links each has an index.
pub fn present_columns(span: &Span, visit: &mut dyn FnMut(Column)) {
    let fields = SPAN_FIELDS.map(Column::Field).into_iter();
    fields.filter(|column| is_present(span, column)).for_each(&mut *visit);
    for (level, attributes) in [
        (AttrLevel::Resource, &span.resource.attributes),
        (AttrLevel::Scope, &span.scope.attributes),
        (AttrLevel::Span, &span.attributes),
    ] {
        present_keys(attributes, &mut |key| visit(Column::Attr { level, key }));
    }
    for (index, event) in (0..).zip(&span.events) {
        let column = |field| Column::Event {
            field,
            index: Some(index),
        };
        let fields = EVENT_FIELDS.map(column).into_iter();
        fields.filter(|column| is_present(span, column)).for_each(&mut *visit);
        present_keys(&event.attributes, &mut |key| visit(column(EventField::Attr(key))));
    }
    for (index, link) in (0..).zip(&span.links) {
        let column = |field| Column::Link {
            field,
            index: Some(index),
        };
        let fields = LINK_FIELDS.map(column).into_iter();
        fields.filter(|column| is_present(span, column)).for_each(&mut *visit);
        present_keys(&link.attributes, &mut |key| visit(column(LinkField::Attr(key))));
    }
}

fn is_present(span: &Span, column: &Column) -> bool {
    first_value(column, span).is_some_and(|value| !value.field_text().is_empty())
}

/// Calls `visit` once for each key that is shown, keys inside of maps included.
pub fn present_keys(attributes: &[Attribute], visit: &mut dyn FnMut(Arc<str>)) {
    let mut inner = Vec::new();
    for (i, Attribute { key, value }) in attributes.iter().enumerate() {
        let is_first = attributes.get(..i).is_some_and(|earlier| find(earlier, key).is_none());
        if is_first && has_text(value) {
            visit(key.clone());
        }
        if is_first && let AttrValue::Map(entries) = value {
            inner_keys(key, entries, &mut inner);
        }
    }
    inner.sort_unstable();
    inner.dedup();
    for key in inner {
        if find(attributes, &key).is_none() && find_path(attributes, &key).is_some_and(has_text) {
            visit(key.into());
        }
    }
}

/// Appends the keys inside of a map, each with that of the map in front of it.
pub fn inner_keys(map: &str, entries: &[Attribute], keys: &mut Vec<String>) {
    for entry in entries {
        let key = format!("{map}.{}", entry.key);
        match &entry.value {
            AttrValue::Map(entries) => inner_keys(&key, entries, keys),
            _ => keys.push(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Event;

    #[test]
    fn columns_without_a_text_are_not_present() {
        let map = |key: &str, value: AttrValue| AttrValue::Map(vec![Attribute::new(key, value)]);
        let span = Span {
            name: "work".into(),
            attributes: vec![
                Attribute::new("a", map("b", 1i64.into())),
                Attribute::new("a", "later"),
                Attribute::new("empty", ""),
                Attribute::new("none", AttrValue::Empty),
                Attribute::new("none", "hidden"),
                Attribute::new("c", map("d", map("e", true.into()))),
                Attribute::new("c.d", "first"),
            ],
            events: vec![
                Event::default(),
                Event {
                    attributes: vec![Attribute::new("x", 0i64)],
                    ..Event::default()
                },
            ],
            ..Span::default()
        };
        let mut found = Vec::new();
        present_columns(&span, &mut |column| found.push(column));
        let event = Column::Event {
            field: EventField::Attr("x".into()),
            index: Some(1),
        };
        let expected = [
            Column::Field(SpanField::TraceId),
            Column::Field(SpanField::SpanId),
            Column::Field(SpanField::Name),
            Column::Field(SpanField::Duration),
            Column::span("empty"),
            Column::span("c.d"),
            Column::span("a.b"),
            Column::span("c.d.e"),
            event,
        ];
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }
}
