//! About how much memory parts of answers take.

use common::query::{Answer, Column, EventField, LinkField, RowPart, RowValues};
use common::span::Span;
use common::value::{AttrValue, Attribute};

/// Bytes of a part, not counting what its spans share.
pub(super) fn of_answer(answer: &Answer) -> usize {
    match answer {
        Answer::Traces { found, .. } => {
            let spans = found.iter().flat_map(|found| &found.trace.spans);
            size_of_val(found.as_slice()) + spans.map(of_span).sum::<usize>()
        }
        Answer::Rows { parts, .. } => parts.iter().map(of_rows).sum(),
        Answer::Services(names) => names.iter().map(|name| 64 + name.len()).sum(),
        Answer::Operations(operations) => operations.iter().map(|operation| 64 + operation.name.len()).sum(),
        Answer::AttributeNames(names) => names.iter().map(|(_, name)| 64 + name.len()).sum(),
        Answer::Calls { edges, .. } => edges
            .keys()
            .map(|edge| 128 + edge.parent.len() + edge.child.len())
            .sum(),
        Answer::Columns { spans, .. } => spans.keys().map(of_column_name).sum(),
        Answer::Groups { groups, .. } => {
            let of_group = |(key, states): (&Vec<_>, &Vec<common::query::logsql::stats::State>)| {
                let states: usize = states.iter().map(|state| state.memory_bytes()).sum();
                48 + 32 * key.len() + states
            };
            groups.iter().map(of_group).sum()
        }
    }
}

fn of_column_name(column: &Column) -> usize {
    match column {
        Column::Attr { key, .. }
        | Column::Event {
            field: EventField::Attr(key),
            ..
        }
        | Column::Link {
            field: LinkField::Attr(key),
            ..
        } => 80 + key.len(),
        Column::Field(_) | Column::Event { .. } | Column::Link { .. } => 64,
    }
}

fn of_rows(part: &RowPart) -> usize {
    match part {
        RowPart::Spans(spans) => spans.iter().map(of_span).sum(),
        RowPart::Columns(rows) => rows.columns.iter().map(of_column).sum(),
    }
}

fn of_column(column: &RowValues) -> usize {
    match column {
        RowValues::Dict { values, codes } => {
            let texts: usize = values.iter().map(|value| 32 + value.len()).sum();
            texts + codes.len() * size_of::<Option<u32>>()
        }
        RowValues::Values(values) => values.iter().map(|value| value.as_ref().map_or(24, of_value)).sum(),
    }
}

fn of_span(span: &Span) -> usize {
    let events: usize = span
        .events
        .iter()
        .map(|event| 80 + of_attributes(&event.attributes))
        .sum();
    let links: usize = span.links.iter().map(|link| 80 + of_attributes(&link.attributes)).sum();
    size_of::<Span>() + span.name.len() + of_attributes(&span.attributes) + events + links
}

fn of_attributes(attributes: &[Attribute]) -> usize {
    attributes.iter().map(|attribute| 16 + of_value(&attribute.value)).sum()
}

fn of_value(value: &AttrValue) -> usize {
    let inside = match value {
        AttrValue::Str(text) => 16 + text.len(),
        AttrValue::Bytes(bytes) => 16 + bytes.len(),
        AttrValue::Array(values) => values.iter().map(of_value).sum(),
        AttrValue::Map(attributes) => of_attributes(attributes),
        AttrValue::Bool(_) | AttrValue::Int(_) | AttrValue::Double(_) => 0,
        AttrValue::Empty => 0,
    };
    size_of::<AttrValue>() + inside
}
