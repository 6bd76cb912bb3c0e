//! From a received table to spans, which share texts, resources and scopes.

use super::cursor::{Cursor, SpanError};
use super::depth::MAX_DEPTH;
use super::span_has as has;
use super::span_table::SpanTable;
use super::text_table::Texts;
use crate::ids::{SpanId, TraceId};
use crate::otlp::decode;
use crate::otlp::view::ValueView;
use crate::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode};
use crate::time::UnixNanos;
use crate::value::{AttrValue, Attribute};
use std::sync::Arc;

/// The spans of a table, in order.
pub(super) fn read(table: &SpanTable<'_>) -> Result<Vec<Span>, SpanError> {
    let texts = Texts::new(table.texts, table.lengths.0)?;
    let shared = Shared {
        traces: &table.traces,
        key_lists: all(table.key_lists.0, |row| key_list(&texts, row))?,
        resources: all(table.resources.0, |row| resource(&texts, row).map(Arc::new))?,
        scopes: all(table.scopes.0, |row| scope(&texts, row).map(Arc::new))?,
        texts,
    };
    if table.count > table.spans.0.len() / LEAST_SPAN {
        return Err(SpanError::CutOff);
    }
    let mut rows = Cursor::new(table.spans.0);
    let mut spans = Vec::with_capacity(table.count);
    for _ in 0..table.count {
        spans.push(shared.span(&mut rows)?);
    }
    rows.end().map(|()| spans)
}

/// A span takes at least so many bytes: its id and start.
const LEAST_SPAN: usize = 16;

/// All rows, which follow each other to the end.
fn all<T>(rows: &[u8], mut read: impl FnMut(&mut Cursor<'_>) -> Result<T, SpanError>) -> Result<Vec<T>, SpanError> {
    let (mut rows, mut things) = (Cursor::new(rows), Vec::new());
    while !rows.is_empty() {
        things.push(read(&mut rows)?);
    }
    Ok(things)
}

struct Shared<'t> {
    texts: Texts,
    traces: &'t [TraceId],
    /// A key of [`has::MANY`] is none
    key_lists: Vec<Vec<Option<Arc<str>>>>,
    resources: Vec<Arc<Resource>>,
    scopes: Vec<Arc<Scope>>,
}

impl Shared<'_> {
    fn span(&self, row: &mut Cursor<'_>) -> Result<Span, SpanError> {
        let bits = row.number()?;
        let trace_id = at(self.traces, row.small()?)?;
        let span_id = SpanId(row.fixed()?);
        let parent_span_id = match bits & has::PARENT {
            0 => None,
            _ => Some(SpanId(row.fixed()?)),
        };
        let name = self.texts.take(row)?;
        let kind = SpanKind(row.small_signed()?);
        let start = u64::from_le_bytes(row.fixed()?);
        let end = start.wrapping_add(row.number()?);
        let resource = at(&self.resources, row.small()?)?;
        let scope = at(&self.scopes, row.small()?)?;
        let attributes = self.attributes(row)?;
        let trace_state = match bits & has::TRACE_STATE {
            0 => self.texts.empty(),
            _ => self.texts.take(row)?,
        };
        let (status_code, status_message) = match bits & has::STATUS {
            0 => (StatusCode::default(), self.texts.empty()),
            _ => (StatusCode(row.small_signed()?), self.texts.take(row)?),
        };
        let [
            flags,
            dropped_attributes_count,
            dropped_events_count,
            dropped_links_count,
        ] = match bits & has::COUNTS {
            0 => [0; 4],
            _ => [row.small()?, row.small()?, row.small()?, row.small()?],
        };
        let events = self.list(row, bits & has::EVENTS, |row| self.event(row, start))?;
        let links = self.list(row, bits & has::LINKS, |row| self.link(row))?;
        Ok(Span {
            trace_id,
            span_id,
            parent_span_id,
            trace_state,
            flags,
            name,
            kind,
            start: UnixNanos(start),
            end: UnixNanos(end),
            attributes,
            dropped_attributes_count,
            events,
            dropped_events_count,
            links,
            dropped_links_count,
            status_code,
            status_message,
            resource,
            scope,
        })
    }

    /// A list that is there if `bit` is set.
    fn list<T>(
        &self,
        row: &mut Cursor<'_>,
        bit: u64,
        mut read: impl FnMut(&mut Cursor<'_>) -> Result<T, SpanError>,
    ) -> Result<Vec<T>, SpanError> {
        if bit == 0 {
            return Ok(Vec::new());
        }
        let count = row.count()?;
        (0..count).map(|_| read(row)).collect()
    }

    fn event(&self, row: &mut Cursor<'_>, start: u64) -> Result<Event, SpanError> {
        Ok(Event {
            time: UnixNanos(start.wrapping_add(row.number()?)),
            name: self.texts.take(row)?,
            dropped_attributes_count: row.small()?,
            attributes: self.attributes(row)?,
        })
    }

    fn link(&self, row: &mut Cursor<'_>) -> Result<Link, SpanError> {
        Ok(Link {
            trace_id: TraceId(row.fixed()?),
            span_id: SpanId(row.fixed()?),
            trace_state: self.texts.take(row)?,
            flags: row.small()?,
            dropped_attributes_count: row.small()?,
            attributes: self.attributes(row)?,
        })
    }

    fn attributes(&self, row: &mut Cursor<'_>) -> Result<Vec<Attribute>, SpanError> {
        let list = row.small()? as usize;
        let keys = self.key_lists.get(list).ok_or(SpanError::Dangling)?;
        let mut attributes = Vec::with_capacity(keys.len().min(row.left()));
        for key in keys {
            let value = value(&self.texts, row, MAX_DEPTH)?;
            match (key, value) {
                (Some(key), value) => attributes.push(Attribute {
                    key: key.clone(),
                    value,
                }),
                (None, AttrValue::Map(entries)) => attributes.extend(entries),
                (None, _) => return Err(SpanError::NoType),
            }
        }
        Ok(attributes)
    }
}

fn at<T: Clone>(things: &[T], number: u32) -> Result<T, SpanError> {
    things.get(number as usize).cloned().ok_or(SpanError::Dangling)
}

fn key_list(texts: &Texts, row: &mut Cursor<'_>) -> Result<Vec<Option<Arc<str>>>, SpanError> {
    let count = row.count()?;
    (0..count).map(|_| texts.take_optional(row)).collect()
}

/// Whether fields follow, and not OTLP.
fn has_fields(row: &mut Cursor<'_>) -> Result<bool, SpanError> {
    match row.number()? {
        has::FIELDS => Ok(true),
        has::OTLP => Ok(false),
        _ => Err(SpanError::NoType),
    }
}

fn resource(texts: &Texts, row: &mut Cursor<'_>) -> Result<Resource, SpanError> {
    if !has_fields(row)? {
        return decode::resource_of(row.bytes()?).map_err(|_| SpanError::NotOtlp);
    }
    Ok(Resource {
        dropped_attributes_count: row.small()?,
        schema_url: texts.take(row)?,
        attributes: map(texts, row, MAX_DEPTH)?,
    })
}

fn scope(texts: &Texts, row: &mut Cursor<'_>) -> Result<Scope, SpanError> {
    if !has_fields(row)? {
        return decode::scope_of(row.bytes()?).map_err(|_| SpanError::NotOtlp);
    }
    Ok(Scope {
        name: texts.take(row)?,
        version: texts.take(row)?,
        dropped_attributes_count: row.small()?,
        schema_url: texts.take(row)?,
        attributes: map(texts, row, MAX_DEPTH)?,
    })
}

/// Attributes with their keys; values may be nested `depth` deep.
fn map(texts: &Texts, row: &mut Cursor<'_>, depth: u32) -> Result<Vec<Attribute>, SpanError> {
    let count = row.count()?;
    let entry = |_| {
        Ok(Attribute {
            key: texts.take(row)?,
            value: value(texts, row, depth)?,
        })
    };
    (0..count).map(entry).collect()
}

fn value(texts: &Texts, row: &mut Cursor<'_>, depth: u32) -> Result<AttrValue, SpanError> {
    let [kind] = row.fixed()?;
    let deeper = || depth.checked_sub(1).ok_or(SpanError::TooDeep);
    Ok(match kind {
        has::TEXT => AttrValue::Str(texts.take(row)?),
        has::INT => AttrValue::Int(row.signed()?),
        has::FALSE => AttrValue::Bool(false),
        has::TRUE => AttrValue::Bool(true),
        has::DOUBLE => AttrValue::Double(f64::from_bits(u64::from_le_bytes(row.fixed()?))),
        has::BYTES => AttrValue::Bytes(row.bytes()?.into()),
        has::ARRAY => {
            let (count, depth) = (row.count()?, deeper()?);
            let values = (0..count).map(|_| value(texts, row, depth));
            AttrValue::Array(values.collect::<Result<_, _>>()?)
        }
        has::MAP => AttrValue::Map(map(texts, row, deeper()?)?),
        has::OTLP_ARRAY => otlp(&ValueView::Array(row.bytes()?), depth)?,
        has::OTLP_MAP => otlp(&ValueView::Map(row.bytes()?), depth)?,
        has::NOTHING => AttrValue::Empty,
        _ => return Err(SpanError::NoType),
    })
}

/// A value whose bytes are OTLP's: never within another one, so that nothing is nested deeper than it may.
fn otlp(value: &ValueView<'_>, depth: u32) -> Result<AttrValue, SpanError> {
    match depth {
        MAX_DEPTH => decode::value(value).map_err(|_| SpanError::NotOtlp),
        _ => Err(SpanError::TooDeep),
    }
}
