//! Rows by definition.

use crate::query::eval::{ColumnValue, first_value};
use crate::query::{Column, ColumnRows, Projection, RowOrder, RowPart, RowValues, RowsQuery, SpanField};
use crate::span::Span;
use crate::value::AttrValue;
use std::cmp::Ordering;

/// The first rows of the order.
pub(super) fn rows(query: &RowsQuery, mut spans: Vec<&Span>) -> Vec<RowPart> {
    match &query.order {
        RowOrder::Any => {}
        RowOrder::Newest => sort(&mut spans, &Column::Field(SpanField::Start), true),
        RowOrder::ByNumber { column, descending } => sort(&mut spans, column, *descending),
    }
    spans.truncate(query.limit.unwrap_or(usize::MAX));
    if spans.is_empty() {
        return Vec::new();
    }
    vec![match &query.projection {
        Projection::Spans => RowPart::Spans(spans.into_iter().cloned().collect()),
        Projection::Columns(columns) => RowPart::Columns(ColumnRows {
            len: spans.len(),
            columns: columns.iter().map(|column| values(column, &spans)).collect(),
        }),
    }]
}

fn values(column: &Column, spans: &[&Span]) -> RowValues {
    let value = |span: &&Span| first_value(column, span).map(|value| value.to_value());
    RowValues::Values(spans.iter().map(value).collect())
}

fn sort(spans: &mut [&Span], column: &Column, descending: bool) {
    spans.sort_by(|a, b| match (number(column, a), number(column, b)) {
        (Some(a), Some(b)) if descending => compare(b, a),
        (Some(a), Some(b)) => compare(a, b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    });
}

/// A number, and the whole number that it is exactly.
type Number = (f64, i128);

fn number(column: &Column, span: &Span) -> Option<Number> {
    let whole = |number: i128| (number as f64, number);
    match first_value(column, span)? {
        ColumnValue::Attr(AttrValue::Double(number)) if !number.is_nan() => Some((*number + 0.0, *number as i128)),
        value => value.whole().map(whole),
    }
}

fn compare(a: Number, b: Number) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}
