//! Names of columns, both ways.

use common::query::{AttrLevel, Column, EventField, LinkField, SpanField};

const RESOURCE: &str = "resource_attr:";
const SCOPE: &str = "scope_attr:";
const SPAN: &str = "span_attr:";
const EVENT: &str = "event:";
const EVENT_ATTR: &str = "event_attr:";
const LINK: &str = "link:";
const LINK_ATTR: &str = "link_attr:";

/// The fields that a span itself has.
const INTRINSIC: [(&str, SpanField); 17] = [
    ("dropped_attributes_count", SpanField::DroppedAttributesCount),
    ("dropped_events_count", SpanField::DroppedEventsCount),
    ("dropped_links_count", SpanField::DroppedLinksCount),
    ("duration", SpanField::Duration),
    ("end_time_unix_nano", SpanField::End),
    ("flags", SpanField::Flags),
    ("kind", SpanField::Kind),
    ("name", SpanField::Name),
    ("parent_span_id", SpanField::ParentSpanId),
    ("scope_name", SpanField::ScopeName),
    ("scope_version", SpanField::ScopeVersion),
    ("span_id", SpanField::SpanId),
    ("start_time_unix_nano", SpanField::Start),
    ("status_code", SpanField::StatusCode),
    ("status_message", SpanField::StatusMessage),
    ("trace_id", SpanField::TraceId),
    ("trace_state", SpanField::TraceState),
];

const EVENT_FIELDS: [(&str, EventField); 3] = [
    ("event_name", EventField::Name),
    ("event_time_unix_nano", EventField::Time),
    ("event_dropped_attributes_count", EventField::DroppedAttributesCount),
];

const LINK_FIELDS: [(&str, LinkField); 5] = [
    ("link_trace_id", LinkField::TraceId),
    ("link_span_id", LinkField::SpanId),
    ("link_trace_state", LinkField::TraceState),
    ("link_flags", LinkField::Flags),
    ("link_dropped_attributes_count", LinkField::DroppedAttributesCount),
];

/// The column of a name; `None` for names that no span has.
pub(super) fn parse_column(name: &str) -> Option<Column> {
    if let Ok(at) = INTRINSIC.binary_search_by(|(intrinsic, _)| (*intrinsic).cmp(name)) {
        return INTRINSIC.get(at).map(|(_, field)| Column::Field(*field));
    }
    for (prefix, level) in [
        (SPAN, AttrLevel::Span),
        (RESOURCE, AttrLevel::Resource),
        (SCOPE, AttrLevel::Scope),
    ] {
        if let Some(key) = name.strip_prefix(prefix) {
            let key = key.into();
            return Some(Column::Attr { level, key });
        }
    }
    if let Some(rest) = name.strip_prefix(EVENT) {
        let (rest, index) = split_index(rest);
        let field = match rest.strip_prefix(EVENT_ATTR) {
            Some(key) => EventField::Attr(key.into()),
            None => lookup(&EVENT_FIELDS, rest)?,
        };
        return Some(Column::Event { field, index });
    }
    let (rest, index) = split_index(name.strip_prefix(LINK)?);
    let field = match rest.strip_prefix(LINK_ATTR) {
        Some(key) => LinkField::Attr(key.into()),
        None => lookup(&LINK_FIELDS, rest)?,
    };
    Some(Column::Link { field, index })
}

fn lookup<F: Clone>(fields: &[(&str, F)], name: &str) -> Option<F> {
    let found = fields.iter().find(|(known, _)| *known == name);
    found.map(|(_, field)| field.clone())
}

/// Takes `:I` off the end; what follows the last colon is an index only if it is a whole number as it prints.
fn split_index(text: &str) -> (&str, Option<u32>) {
    let Some((rest, digits)) = text.rsplit_once(':') else {
        return (text, None);
    };
    match digits.parse::<u32>() {
        Ok(index) if index.to_string() == digits => (rest, Some(index)),
        _ => (text, None),
    }
}

/// The name of a column.
pub fn column_name(column: &Column) -> String {
    match column {
        Column::Field(field) => {
            let found = INTRINSIC.iter().find(|(_, known)| known == field);
            found.map_or_else(String::new, |(name, _)| (*name).to_owned())
        }
        Column::Attr { level, key } => format!("{}{key}", level_prefix(*level)),
        Column::Event { field, index } => with_index(&event_name(field), *index),
        Column::Link { field, index } => with_index(&link_name(field), *index),
    }
}

/// What is in front of the key of an attribute.
pub(super) fn level_prefix(level: AttrLevel) -> &'static str {
    match level {
        AttrLevel::Resource => RESOURCE,
        AttrLevel::Scope => SCOPE,
        AttrLevel::Span => SPAN,
    }
}

fn event_name(field: &EventField) -> String {
    match field {
        EventField::Attr(key) => format!("{EVENT}{EVENT_ATTR}{key}"),
        field => name_of(EVENT, &EVENT_FIELDS, field),
    }
}

fn link_name(field: &LinkField) -> String {
    match field {
        LinkField::Attr(key) => format!("{LINK}{LINK_ATTR}{key}"),
        field => name_of(LINK, &LINK_FIELDS, field),
    }
}

fn name_of<F: PartialEq>(prefix: &str, fields: &[(&str, F)], field: &F) -> String {
    let found = fields.iter().find(|(_, known)| known == field);
    format!("{prefix}{}", found.map_or("", |(name, _)| *name))
}

fn with_index(name: &str, index: Option<u32>) -> String {
    index.map_or_else(|| name.to_owned(), |index| format!("{name}:{index}"))
}
