//! Whether one span, resource or scope is well formed and within the limits. On the hot path: every field is looked
//! at once, nothing is allocated. It knows nothing of messages around it.

use super::SpanLimits;
use super::framing::{self, Framing, Malformed};
use super::reason::{Place, Reason};
use common::otlp::glance::{self, Glance};
use common::otlp::wire::{Field, Fields};
use common::time::{TimeRange, UnixNanos};

#[derive(Clone, Debug)]
pub(super) struct Checker {
    pub limits: SpanLimits,
    pub starts: TimeRange,
}

impl Checker {
    /// Judges what all spans of a `ResourceSpans` or `ScopeSpans` share: its resource or scope, and its schema URL.
    pub(super) fn group(&self, group: &[u8], body: &[u8], place: Place) -> Result<Result<(), Reason>, Malformed> {
        let mut items = Framing::new(group, body);
        let mut verdict = Ok(());
        while let Some(item) = items.next_item()? {
            let check = match item.number {
                framing::ORIGIN if place == Place::Resource => self.resource(item.bytes()?),
                framing::ORIGIN => self.scope(item.bytes()?),
                framing::SCHEMA_URL => text(item.bytes()?),
                _ => continue,
            };
            verdict = verdict.and(check);
        }
        Ok(verdict)
    }

    /// A `Resource`.
    fn resource(&self, message: &[u8]) -> Result<(), Reason> {
        let mut attributes = 0;
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => self.attribute(&field, &mut attributes)?,
                2 => drop(field.low32()?),
                3 => entity(field.bytes()?)?,
                _ => {}
            }
        }
        self.few(attributes)
    }

    /// An `InstrumentationScope`.
    fn scope(&self, message: &[u8]) -> Result<(), Reason> {
        let mut attributes = 0;
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 | 2 => text(field.bytes()?)?,
                3 => self.attribute(&field, &mut attributes)?,
                4 => drop(field.low32()?),
                _ => {}
            }
        }
        self.few(attributes)
    }

    /// A `Span`.
    pub(super) fn span(&self, message: &[u8]) -> Result<(), Reason> {
        let (mut trace_id, mut span_id, mut parent): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        let mut start = 0;
        let mut attributes = 0;
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => trace_id = field.bytes()?,
                2 => span_id = field.bytes()?,
                3 | 5 => text(field.bytes()?)?,
                4 => parent = field.bytes()?,
                6 | 10 | 12 | 14 => drop(field.low32()?),
                7 => start = field.fixed64()?,
                8 => drop(field.fixed64()?),
                9 => self.attribute(&field, &mut attributes)?,
                11 => self.event(field.bytes()?)?,
                13 => self.link(field.bytes()?)?,
                15 => status(field.bytes()?)?,
                16 => drop(field.fixed32()?),
                _ => {}
            }
        }
        self.few(attributes)?;
        ids(trace_id, span_id, parent)?;
        self.started(UnixNanos(start))
    }

    fn event(&self, message: &[u8]) -> Result<(), Reason> {
        let mut attributes = 0;
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => drop(field.fixed64()?),
                2 => text(field.bytes()?)?,
                3 => self.attribute(&field, &mut attributes)?,
                4 => drop(field.low32()?),
                _ => {}
            }
        }
        self.few(attributes)
    }

    /// The ids of a link are kept whatever their length.
    fn link(&self, message: &[u8]) -> Result<(), Reason> {
        let mut attributes = 0;
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 | 2 => drop(field.bytes()?),
                3 => text(field.bytes()?)?,
                4 => self.attribute(&field, &mut attributes)?,
                5 => drop(field.low32()?),
                6 => drop(field.fixed32()?),
                _ => {}
            }
        }
        self.few(attributes)
    }

    #[inline]
    fn attribute(&self, field: &Field<'_>, count: &mut usize) -> Result<(), Reason> {
        *count += 1;
        self.key_value(field.bytes()?, self.limits.max_value_depth)
    }

    #[inline]
    fn key_value(&self, message: &[u8], depth: usize) -> Result<(), Reason> {
        if let Some((key, value)) = glance::key_value(message) {
            self.key(key)?;
            return self.any_value(value, depth);
        }
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => self.key(field.bytes()?)?,
                2 => self.any_value(field.bytes()?, depth)?,
                3 => drop(field.low32()?),
                _ => {}
            }
        }
        Ok(())
    }

    #[inline]
    fn key(&self, key: &[u8]) -> Result<(), Reason> {
        if key.len() > self.limits.max_key_length {
            return Err(Reason::KeyTooLong);
        }
        text(key)
    }

    #[inline]
    fn any_value(&self, message: &[u8], depth: usize) -> Result<(), Reason> {
        match Glance::of(message) {
            Some(Glance::Text(value)) => return text(value),
            Some(_) => return Ok(()),
            None => {}
        }
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => text(field.bytes()?)?,
                2 | 3 | 8 => drop(field.varint()?),
                4 => drop(field.fixed64()?),
                5 => self.list(field.bytes()?, depth, Self::any_value)?,
                6 => self.list(field.bytes()?, depth, Self::key_value)?,
                7 => drop(field.bytes()?),
                _ => {}
            }
        }
        Ok(())
    }

    /// An `ArrayValue` or `KeyValueList`, whose items `check` judges.
    #[inline(never)]
    fn list(
        &self,
        message: &[u8],
        depth: usize,
        check: fn(&Self, &[u8], usize) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        let below = depth.checked_sub(1).ok_or(Reason::ValueTooDeep)?;
        let mut fields = Fields::new(message);
        while let Some(field) = fields.next_field()? {
            if field.number == 1 {
                check(self, field.bytes()?, below)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn few(&self, attributes: usize) -> Result<(), Reason> {
        if attributes > self.limits.max_attributes {
            Err(Reason::TooManyAttributes)
        } else {
            Ok(())
        }
    }

    fn started(&self, start: UnixNanos) -> Result<(), Reason> {
        if start < self.starts.start {
            Err(Reason::StartTooOld)
        } else if start > self.starts.end {
            Err(Reason::StartTooNew)
        } else {
            Ok(())
        }
    }
}

fn ids(trace_id: &[u8], span_id: &[u8], parent: &[u8]) -> Result<(), Reason> {
    let is_id = |bytes: &[u8], len| bytes.len() == len && bytes.iter().any(|byte| *byte != 0);
    if !is_id(trace_id, 16) {
        Err(Reason::TraceId)
    } else if !is_id(span_id, 8) {
        Err(Reason::SpanId)
    } else if !(parent.is_empty() || parent.len() == 8) {
        Err(Reason::ParentId)
    } else {
        Ok(())
    }
}

fn status(message: &[u8]) -> Result<(), Reason> {
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_field()? {
        match field.number {
            2 => text(field.bytes()?)?,
            3 => drop(field.low32()?),
            _ => {}
        }
    }
    Ok(())
}

/// An `EntityRef`, all of whose fields are texts.
fn entity(message: &[u8]) -> Result<(), Reason> {
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_field()? {
        if (1..=4).contains(&field.number) {
            field.text()?;
        }
    }
    Ok(())
}

#[inline]
fn text(bytes: &[u8]) -> Result<(), Reason> {
    if glance::is_text(bytes) {
        Ok(())
    } else {
        Err(Reason::NotUtf8)
    }
}
