//! Rows of a batch as owned spans, and the few protobuf writers the engine needs.

use super::sent::low32;
use super::{Cell, CellColumn, CellKind, CellTable, SpanBatch};
use crate::engine::error::StorageError;
use common::otlp::decode;
use common::otlp::view::{AttrView, ValueView};
use common::otlp::wire::WireError;
use common::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode};
use common::time::UnixNanos;
use common::value::{AttrValue, Attribute};
use std::sync::Arc;

/// Turns rows of one batch into owned spans; resources, scopes and keys are made once and shared.
pub struct SpanReader<'a> {
    batch: &'a SpanBatch,
    resources: Vec<Option<Arc<Resource>>>,
    scopes: Vec<Option<Arc<Scope>>>,
    keys: [Vec<Arc<str>>; 3],
}

/// The intrinsic fields and attributes that the cells of a row hold.
#[derive(Default)]
struct RowFields {
    attributes: Vec<Attribute>,
    status_message: Arc<str>,
    trace_state: Arc<str>,
    flags: u32,
    dropped_attributes: u32,
    dropped_events: u32,
    dropped_links: u32,
}

impl<'a> SpanReader<'a> {
    pub fn new(batch: &'a SpanBatch) -> Self {
        let keys = |table: &CellTable| {
            table
                .columns
                .iter()
                .map(|c| {
                    if let CellColumn::Attr(key) = c {
                        batch.text(*key).into()
                    } else {
                        "".into()
                    }
                })
                .collect()
        };
        Self {
            batch,
            resources: vec![None; batch.resources.len()],
            scopes: vec![None; batch.scopes.len()],
            keys: [keys(&batch.spans), keys(&batch.event_cells), keys(&batch.link_cells)],
        }
    }

    /// The span of a row.
    pub fn span(&mut self, row: usize) -> Result<Span, StorageError> {
        let batch = self.batch;
        let r = *batch
            .rows
            .get(row)
            .ok_or_else(|| StorageError::corrupt("batch", "no such row"))?;
        let fields = self.fields(&batch.spans, 0, batch.row_cells(row))?;
        Ok(Span {
            trace_id: r.trace_id,
            span_id: r.span_id,
            parent_span_id: Some(r.parent).filter(|id| !id.is_zero()),
            trace_state: fields.trace_state,
            flags: fields.flags,
            name: batch.text(r.name).into(),
            kind: SpanKind(r.kind),
            start: UnixNanos(r.start),
            end: UnixNanos(r.end),
            attributes: fields.attributes,
            dropped_attributes_count: fields.dropped_attributes,
            events: batch.row_events(row).map(|e| self.event(e)).collect::<Result<_, _>>()?,
            dropped_events_count: fields.dropped_events,
            links: batch.row_links(row).map(|l| self.link(l)).collect::<Result<_, _>>()?,
            dropped_links_count: fields.dropped_links,
            status_code: StatusCode(r.status),
            status_message: fields.status_message,
            resource: self.resource(r.resource)?,
            scope: self.scope(r.scope)?,
        })
    }

    fn event(&self, event: usize) -> Result<Event, StorageError> {
        let e = self
            .batch
            .events
            .get(event)
            .ok_or_else(|| StorageError::corrupt("batch", "no such event"))?;
        let fields = self.fields(&self.batch.event_cells, 1, self.batch.event_cells(event))?;
        Ok(Event {
            time: UnixNanos(e.time),
            name: self.batch.text(e.name).into(),
            attributes: fields.attributes,
            dropped_attributes_count: fields.dropped_attributes,
        })
    }

    fn link(&self, link: usize) -> Result<Link, StorageError> {
        let l = self
            .batch
            .links
            .get(link)
            .ok_or_else(|| StorageError::corrupt("batch", "no such link"))?;
        let fields = self.fields(&self.batch.link_cells, 2, self.batch.link_cells(link))?;
        Ok(Link {
            trace_id: l.trace_id,
            span_id: l.span_id,
            trace_state: fields.trace_state,
            attributes: fields.attributes,
            dropped_attributes_count: fields.dropped_attributes,
            flags: fields.flags,
        })
    }

    fn fields(&self, table: &CellTable, level: usize, cells: &[Cell]) -> Result<RowFields, StorageError> {
        let mut fields = RowFields {
            attributes: Vec::with_capacity(cells.len()),
            ..RowFields::default()
        };
        for cell in cells {
            let column = usize::from(cell.column);
            match table.columns.get(column) {
                Some(CellColumn::Attr(_)) => {
                    let key = self
                        .keys
                        .get(level)
                        .and_then(|keys| keys.get(column))
                        .cloned()
                        .unwrap_or_default();
                    fields.attributes.push(Attribute {
                        key,
                        value: self.batch.value(cell)?,
                    });
                }
                Some(CellColumn::Spill) => {
                    if let AttrValue::Map(spilled) = self.batch.value(cell)? {
                        fields.attributes.extend(spilled);
                    }
                }
                Some(CellColumn::StatusMessage) => fields.status_message = self.batch.text(cell.text()).into(),
                Some(CellColumn::TraceState) => fields.trace_state = self.batch.text(cell.text()).into(),
                Some(CellColumn::Flags) => fields.flags = low32(cell),
                Some(CellColumn::DroppedAttributes) => fields.dropped_attributes = low32(cell),
                Some(CellColumn::DroppedEvents) => fields.dropped_events = low32(cell),
                Some(CellColumn::DroppedLinks) => fields.dropped_links = low32(cell),
                None => return Err(StorageError::corrupt("batch", "no such column")),
            }
        }
        Ok(fields)
    }

    /// The resource with this number.
    pub fn resource(&mut self, number: u32) -> Result<Arc<Resource>, StorageError> {
        let known = self.resources.get_mut(number as usize);
        let known = known.ok_or_else(|| StorageError::corrupt("batch", "no such resource"))?;
        if let Some(resource) = known {
            return Ok(resource.clone());
        }
        let resource = Arc::new(read_resource(
            self.batch.resources.get(number as usize).map_or(&[], |o| o),
        )?);
        *known = Some(resource.clone());
        Ok(resource)
    }

    fn scope(&mut self, number: u32) -> Result<Arc<Scope>, StorageError> {
        let known = self.scopes.get_mut(number as usize);
        let known = known.ok_or_else(|| StorageError::corrupt("batch", "no such scope"))?;
        if let Some(scope) = known {
            return Ok(scope.clone());
        }
        let scope = Arc::new(read_scope(self.batch.scopes.get(number as usize).map_or(&[], |o| o))?);
        *known = Some(scope.clone());
        Ok(scope)
    }
}

/// The resource in an [`super::Origin`].
pub fn read_resource(origin: &[u8]) -> Result<Resource, WireError> {
    decode::resource_of(origin)
}

/// The scope in an [`super::Origin`].
pub fn read_scope(origin: &[u8]) -> Result<Scope, WireError> {
    decode::scope_of(origin)
}

impl SpanBatch {
    /// Writes an attribute with the value of a cell as an item of a `KeyValueList`.
    pub(in crate::engine) fn write_cell(&self, key: &str, cell: &Cell, out: &mut Vec<u8>) {
        let value = self.view(cell);
        write_attribute(&AttrView { key, value }, out);
    }

    /// The owned value of a cell.
    pub fn value(&self, cell: &Cell) -> Result<AttrValue, WireError> {
        Ok(match cell.kind {
            CellKind::Empty => AttrValue::Empty,
            CellKind::Bool => AttrValue::Bool(cell.bits() != 0),
            CellKind::Int => AttrValue::Int(cell.bits().cast_signed()),
            CellKind::Double => AttrValue::Double(f64::from_bits(cell.bits())),
            kind => return text_value(kind, self.bytes(cell.text())),
        })
    }
}

/// The owned value of a byte string of `kind` ([`CellKind::is_text`]).
pub fn text_value(kind: CellKind, bytes: &[u8]) -> Result<AttrValue, WireError> {
    match kind {
        CellKind::Str => Ok(std::str::from_utf8(bytes).map_err(|_| WireError::NotUtf8(1))?.into()),
        CellKind::Array => decode::value(&ValueView::Array(bytes)),
        CellKind::Map => decode::value(&ValueView::Map(bytes)),
        _ => Ok(AttrValue::Bytes(bytes.into())),
    }
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a length-delimited field.
pub(super) fn write_bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    write_varint(u64::from(field) << 3 | 2, out);
    write_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Writes an attribute as an item (field 1) of a `KeyValueList`.
pub(super) fn write_attribute(attr: &AttrView<'_>, out: &mut Vec<u8>) {
    let mut value = Vec::new();
    match attr.value {
        ValueView::Empty => {}
        ValueView::Str(s) => write_bytes(1, s.as_bytes(), &mut value),
        ValueView::Bool(b) => value.extend([2 << 3, u8::from(b)]),
        ValueView::Int(i) => {
            value.push(3 << 3);
            write_varint(i.cast_unsigned(), &mut value);
        }
        ValueView::Double(d) => {
            value.push(4 << 3 | 1);
            value.extend(d.to_bits().to_le_bytes());
        }
        ValueView::Array(list) => write_bytes(5, list, &mut value),
        ValueView::Map(list) => write_bytes(6, list, &mut value),
        ValueView::Bytes(b) => write_bytes(7, b, &mut value),
    }
    let mut message = Vec::with_capacity(attr.key.len() + value.len() + 8);
    write_bytes(1, attr.key.as_bytes(), &mut message);
    write_bytes(2, &value, &mut message);
    write_bytes(1, &message, out);
}
