//! Borrowed views of OTLP messages. Each `read` walks one message once; nested messages stay raw bytes until asked
//! for. As protobuf has it, the last of a repeated scalar wins and unknown fields are skipped. A repeated `value` of
//! one attribute is not merged: the last wins as well.

use super::wire::{Fields, WireError};

/// Levels of arrays and maps within a value that are read at most; deeper messages are refused.
pub const MAX_VALUE_DEPTH: usize = 64;

/// An `AnyValue` whose arrays and maps are not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum ValueView<'a> {
    #[default]
    Empty,
    Str(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'a [u8]),
    /// The bytes of an `ArrayValue`
    Array(&'a [u8]),
    /// The bytes of a `KeyValueList`
    Map(&'a [u8]),
}

impl<'a> ValueView<'a> {
    /// Reads the bytes of an `AnyValue`.
    #[inline]
    pub fn read(message: &'a [u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new(message);
        let mut value = Self::Empty;
        while let Some(field) = fields.next_field()? {
            value = match field.number {
                1 => Self::Str(field.text()?),
                2 => Self::Bool(field.varint()? != 0),
                3 => Self::Int(field.varint()?.cast_signed()),
                4 => Self::Double(f64::from_bits(field.fixed64()?)),
                5 => Self::Array(field.bytes()?),
                6 => Self::Map(field.bytes()?),
                7 => Self::Bytes(field.bytes()?),
                _ => continue,
            };
        }
        Ok(value)
    }

    /// Walks arrays and maps down to their leaves; an error where they are not well formed or deeper than `depth`.
    pub fn check(&self, depth: usize) -> Result<(), WireError> {
        let (list, is_map) = match self {
            Self::Array(list) => (list, false),
            Self::Map(list) => (list, true),
            _ => return Ok(()),
        };
        let below = depth.checked_sub(1).ok_or(WireError::TooDeep(MAX_VALUE_DEPTH))?;
        let mut fields = Fields::new(list);
        while let Some(field) = fields.next_field()? {
            match (field.number, is_map) {
                (1, false) => Self::read(field.bytes()?)?.check(below)?,
                (1, true) => AttrView::read(field.bytes()?)?.value.check(below)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A `KeyValue`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AttrView<'a> {
    pub key: &'a str,
    pub value: ValueView<'a>,
}

impl<'a> AttrView<'a> {
    #[inline]
    pub fn read(message: &'a [u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new(message);
        let mut attr = Self::default();
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => attr.key = field.text()?,
                2 => attr.value = ValueView::read(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(attr)
    }
}

/// The scalar fields of a `Span`. Ids have whatever length they came with.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SpanView<'a> {
    pub trace_id: &'a [u8],
    pub span_id: &'a [u8],
    pub parent_span_id: &'a [u8],
    pub trace_state: &'a str,
    pub flags: u32,
    pub name: &'a str,
    pub kind: i32,
    pub start: u64,
    pub end: u64,
    pub dropped_attributes_count: u32,
    pub dropped_events_count: u32,
    pub dropped_links_count: u32,
    pub status_code: i32,
    pub status_message: &'a str,
}

/// The repeated fields of a `Span`: buffers to be reused from span to span.
#[derive(Debug, Default)]
pub struct SpanLists<'a> {
    pub attributes: Vec<AttrView<'a>>,
    /// The bytes of each `Span.Event`
    pub events: Vec<&'a [u8]>,
    /// The bytes of each `Span.Link`
    pub links: Vec<&'a [u8]>,
}

impl<'a> SpanView<'a> {
    /// Reads a `Span`; `lists` is cleared first.
    pub fn read(message: &'a [u8], lists: &mut SpanLists<'a>) -> Result<Self, WireError> {
        lists.attributes.clear();
        lists.events.clear();
        lists.links.clear();
        let mut span = Self::default();
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => span.trace_id = field.bytes()?,
                2 => span.span_id = field.bytes()?,
                3 => span.trace_state = field.text()?,
                4 => span.parent_span_id = field.bytes()?,
                5 => span.name = field.text()?,
                6 => span.kind = field.low32()?.cast_signed(),
                7 => span.start = field.fixed64()?,
                8 => span.end = field.fixed64()?,
                9 => lists.attributes.push(AttrView::read(field.bytes()?)?),
                10 => span.dropped_attributes_count = field.low32()?,
                11 => lists.events.push(field.bytes()?),
                12 => span.dropped_events_count = field.low32()?,
                13 => lists.links.push(field.bytes()?),
                14 => span.dropped_links_count = field.low32()?,
                15 => span.read_status(field.bytes()?)?,
                16 => span.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(span)
    }

    fn read_status(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                2 => self.status_message = field.text()?,
                3 => self.status_code = field.low32()?.cast_signed(),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A `Span.Event`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EventView<'a> {
    pub time: u64,
    pub name: &'a str,
    pub dropped_attributes_count: u32,
}

impl<'a> EventView<'a> {
    /// Reads an event; its attributes replace those in `attributes`.
    pub fn read(message: &'a [u8], attributes: &mut Vec<AttrView<'a>>) -> Result<Self, WireError> {
        attributes.clear();
        let mut event = Self::default();
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => event.time = field.fixed64()?,
                2 => event.name = field.text()?,
                3 => attributes.push(AttrView::read(field.bytes()?)?),
                4 => event.dropped_attributes_count = field.low32()?,
                _ => {}
            }
        }
        Ok(event)
    }
}

/// A `Span.Link`. Ids have whatever length they came with.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LinkView<'a> {
    pub trace_id: &'a [u8],
    pub span_id: &'a [u8],
    pub trace_state: &'a str,
    pub dropped_attributes_count: u32,
    pub flags: u32,
}

impl<'a> LinkView<'a> {
    /// Reads a link; its attributes replace those in `attributes`.
    pub fn read(message: &'a [u8], attributes: &mut Vec<AttrView<'a>>) -> Result<Self, WireError> {
        attributes.clear();
        let mut link = Self::default();
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => link.trace_id = field.bytes()?,
                2 => link.span_id = field.bytes()?,
                3 => link.trace_state = field.text()?,
                4 => attributes.push(AttrView::read(field.bytes()?)?),
                5 => link.dropped_attributes_count = field.low32()?,
                6 => link.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(link)
    }
}

/// A `Resource`, or an `InstrumentationScope` (which has a name and a version besides).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OriginView<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub attributes: Vec<AttrView<'a>>,
    pub dropped_attributes_count: u32,
}

impl<'a> OriginView<'a> {
    /// Adds the fields of a `Resource` message.
    pub fn read_resource(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => self.attributes.push(AttrView::read(field.bytes()?)?),
                2 => self.dropped_attributes_count = field.low32()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds the fields of an `InstrumentationScope` message.
    pub fn read_scope(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => self.name = field.text()?,
                2 => self.version = field.text()?,
                3 => self.attributes.push(AttrView::read(field.bytes()?)?),
                4 => self.dropped_attributes_count = field.low32()?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A group of an OTLP request: `ResourceSpans` (whose items are `ScopeSpans`) or `ScopeSpans` (whose items are spans).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupView<'a> {
    /// The bytes of each `Resource` or `InstrumentationScope` message (protobuf merges repeated ones)
    pub origin: Vec<&'a [u8]>,
    /// The bytes of each `ScopeSpans` or `Span`
    pub items: Vec<&'a [u8]>,
    pub schema_url: &'a str,
}

impl<'a> GroupView<'a> {
    pub fn read(message: &'a [u8]) -> Result<Self, WireError> {
        let mut group = Self::default();
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => group.origin.push(field.bytes()?),
                2 => group.items.push(field.bytes()?),
                3 => group.schema_url = field.text()?,
                _ => {}
            }
        }
        Ok(group)
    }
}

/// The `ResourceSpans` messages of an `ExportTraceServiceRequest` (or `TracesData`).
pub fn resource_spans(request: &[u8]) -> Result<Vec<&[u8]>, WireError> {
    let mut groups = Vec::new();
    let mut fields = Fields::new(request);
    while let Some(field) = fields.next_field()? {
        if field.number == 1 {
            groups.push(field.bytes()?);
        }
    }
    Ok(groups)
}
