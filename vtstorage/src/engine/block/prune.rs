//! What a block surely does not hold, told from its header and membership filters.

use super::header::{BlockHeader, ColumnData, ColumnMeta, may_have_key};
use super::membership;
use super::pages::Pages;
use super::source::attr_places;
use crate::engine::batch::CellKind;
use crate::engine::codec::texts::TextEncoding;
use crate::engine::error::StorageError;
use common::query::{AttrLevel, Column, EventField, LinkField, SpanField};
use common::span::SERVICE_NAME;

/// See [`crate::engine::rows::RowSource::may_contain`].
pub(super) fn may_contain(
    header: &BlockHeader,
    pages: &mut Pages<'_>,
    column: &Column,
    text: &str,
) -> Result<bool, StorageError> {
    let columns = &header.columns;
    let (meta, may_be_elsewhere) = match column {
        Column::Attr {
            level: AttrLevel::Resource,
            key,
        } if &**key == SERVICE_NAME && header.services_are_texts => {
            return Ok(!text.is_empty() && header.services.binary_search_by(|s| s.as_str().cmp(text)).is_ok());
        }
        Column::Attr {
            level: AttrLevel::Resource,
            key,
        } => return Ok(may_have_key(&header.resource_keys, key)),
        Column::Attr {
            level: AttrLevel::Scope,
            key,
        } => return Ok(may_have_key(&header.scope_keys, key)),
        Column::Field(SpanField::Name) => (Some(&columns.span.name), false),
        Column::Attr {
            level: AttrLevel::Span,
            key,
        } => attr_places(&columns.spans, key),
        Column::Event {
            field: EventField::Attr(key),
            ..
        } => attr_places(&columns.events, key),
        Column::Event {
            field: EventField::Name,
            ..
        } => (Some(&columns.event.name), false),
        Column::Link {
            field: LinkField::Attr(key),
            ..
        } => attr_places(&columns.links, key),
        _ => return Ok(true),
    };
    match meta {
        _ if may_be_elsewhere => Ok(true),
        Some(meta) => column_may_contain(pages, meta, text),
        None => Ok(false),
    }
}

fn column_may_contain(pages: &mut Pages<'_>, meta: &ColumnMeta, text: &str) -> Result<bool, StorageError> {
    if meta.count == 0 {
        return Ok(false);
    }
    match (meta.kind, &meta.data) {
        (Some(CellKind::Str), ColumnData::Texts(stream))
        | (Some(CellKind::Str), ColumnData::Dict { dict: stream, .. }) => {
            if let TextEncoding::Const(value) = &stream.encoding {
                return Ok(value == text.as_bytes());
            }
            if meta.filter.is_some() {
                return pages.filter_allows(meta, membership::hash(text.as_bytes()));
            }
            match &meta.data {
                ColumnData::Dict { dict, .. } => {
                    let mut found = false;
                    pages.each_text(dict, 0..dict.count, |value| found |= value == text.as_bytes())?;
                    Ok(found)
                }
                _ => Ok(true),
            }
        }
        (Some(CellKind::Int), _) => Ok(text.parse::<i64>().is_ok_and(|value| int_within(meta, value, value))),
        (Some(CellKind::Bool), _) => Ok(matches!(text, "true" | "false")),
        _ => Ok(true),
    }
}

fn int_within(meta: &ColumnMeta, min: i64, max: i64) -> bool {
    meta.bounds
        .is_none_or(|(least, greatest)| least.cast_signed() <= max && min <= greatest.cast_signed())
}

/// See [`crate::engine::rows::RowSource::may_be_within`].
pub(super) fn may_be_within(header: &BlockHeader, column: &Column, min: f64, max: f64) -> bool {
    let columns = &header.columns;
    let overlaps = |least: f64, greatest: f64| least <= max && min <= greatest;
    let (meta, may_be_elsewhere) = match column {
        Column::Field(SpanField::Duration) => return overlaps(0.0, header.max_duration as f64),
        Column::Attr {
            level: AttrLevel::Resource,
            key,
        } => return may_have_key(&header.resource_keys, key),
        Column::Attr {
            level: AttrLevel::Scope,
            key,
        } => return may_have_key(&header.scope_keys, key),
        Column::Field(SpanField::Start) => return overlaps(header.min_start as f64, header.max_start as f64),
        Column::Attr {
            level: AttrLevel::Span,
            key,
        } => attr_places(&columns.spans, key),
        Column::Event {
            field: EventField::Attr(key),
            ..
        } => attr_places(&columns.events, key),
        Column::Link {
            field: LinkField::Attr(key),
            ..
        } => attr_places(&columns.links, key),
        _ => return true,
    };
    let Some(meta) = meta else { return may_be_elsewhere };
    may_be_elsewhere
        || match (meta.kind, meta.bounds) {
            (Some(CellKind::Int), Some((least, greatest))) => {
                overlaps(least.cast_signed() as f64, greatest.cast_signed() as f64)
            }
            (Some(CellKind::Double), Some((least, greatest))) => {
                overlaps(f64::from_bits(least), f64::from_bits(greatest))
            }
            (Some(CellKind::Str | CellKind::Bool), _) => false,
            _ => true,
        }
}
