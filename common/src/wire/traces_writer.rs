//! Found traces as they are sent, from wherever their spans lie: without making [`Span`](crate::span::Span)s. What is
//! OTLP already (resources, scopes, nested values) goes out as it is; who receives it decodes it.

use super::codec::WireError;
use super::cursor::{put_number, put_signed};
use super::span_table::SpanTable;
use super::text_table::TextWriter;
use super::{raw::Raw, span_has as has};
use crate::ids::{SpanId, TraceId};
use crate::otlp::view::ValueView;
use crate::query::ScanStats;
use hashbrown::HashMap;

/// The number of [`crate::query::Answer::Traces`] among answers.
const TRACES: u32 = 0;

/// What every span has, and what few have: empty or 0 in all others.
#[derive(Clone, Copy, Debug, Default)]
pub struct SentSpan<'s> {
    pub span_id: SpanId,
    pub parent: Option<SpanId>,
    pub name: &'s str,
    pub kind: i32,
    /// In nanoseconds
    pub start: u64,
    pub end: u64,
    /// From [`TracesWriter::resource`]
    pub resource: u32,
    /// From [`TracesWriter::scope`]
    pub scope: u32,
    pub trace_state: &'s str,
    pub status: i32,
    pub status_message: &'s str,
    /// Flags, dropped attributes, events and links
    pub counts: [u32; 4],
    pub events: usize,
    pub links: usize,
}

/// Writes an answer. For each trace: [`Self::trace`], then its spans; for each span [`Self::begin`], its
/// [`Self::attributes`], [`Self::rest`], then twice a [`Self::list`]: of each [`Self::event`], and of each [`Self::link`], with
/// its attributes behind it.
#[derive(Default)]
pub struct TracesWriter<'s> {
    /// Rank, id and number of spans
    heads: Vec<(u64, TraceId, usize)>,
    texts: TextWriter<'s>,
    key_lists: Vec<u8>,
    lists: u64,
    resources: Origins<'s>,
    scopes: Origins<'s>,
    rows: Vec<u8>,
}

/// Resources or scopes, each once.
#[derive(Default)]
struct Origins<'s> {
    numbers: HashMap<&'s [u8], u32>,
    rows: Vec<u8>,
}

impl<'s> Origins<'s> {
    fn number(&mut self, origin: &'s [u8]) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(origin).or_insert(next);
        if number == next {
            put_number(&mut self.rows, has::OTLP);
            put_bytes(&mut self.rows, origin);
        }
        number
    }
}

impl<'s> TracesWriter<'s> {
    /// The number of a resource: the bytes of a `ResourceSpans` message without spans.
    pub fn resource(&mut self, origin: &'s [u8]) -> u32 {
        self.resources.number(origin)
    }

    /// The number of a scope: the bytes of a `ScopeSpans` message without spans.
    pub fn scope(&mut self, origin: &'s [u8]) -> u32 {
        self.scopes.number(origin)
    }

    /// The number of a list of keys, for spans with such attributes. No key: the value is a map, whose entries are
    /// attributes. The same list should have one number only.
    pub fn keys(&mut self, keys: impl ExactSizeIterator<Item = Option<&'s str>>) -> u64 {
        put_number(&mut self.key_lists, keys.len() as u64);
        for key in keys {
            let number = key.map_or(has::MANY, |key| self.texts.number(key) + 1);
            put_number(&mut self.key_lists, number);
        }
        self.lists += 1;
        self.lists - 1
    }

    /// Begins a trace.
    pub fn trace(&mut self, rank: u64, id: TraceId) {
        self.heads.push((rank, id, 0));
    }

    /// Begins a span of the trace.
    pub fn begin(&mut self, span: &SentSpan<'s>) {
        let Some(last) = self.heads.len().checked_sub(1) else {
            return;
        };
        if let Some((_, _, spans)) = self.heads.get_mut(last) {
            *spans += 1;
        }
        let out = &mut self.rows;
        put_number(out, bits_of(span));
        put_number(out, last as u64);
        out.extend_from_slice(&span.span_id.0);
        if let Some(parent) = &span.parent {
            out.extend_from_slice(&parent.0);
        }
        put_number(out, self.texts.number(span.name));
        put_signed(out, span.kind.into());
        out.extend_from_slice(&span.start.to_le_bytes());
        put_number(out, span.end.wrapping_sub(span.start));
        put_number(out, span.resource.into());
        put_number(out, span.scope.into());
    }

    /// Attributes of a span, an event or a link: the number of their keys, and as many values.
    pub fn attributes(&mut self, keys: u64, values: impl Iterator<Item = ValueView<'s>>) {
        put_number(&mut self.rows, keys);
        values.for_each(|value| self.value(&value));
    }

    /// What few spans have.
    pub fn rest(&mut self, span: &SentSpan<'s>) {
        let (bits, out) = (bits_of(span), &mut self.rows);
        if bits & has::TRACE_STATE != 0 {
            put_number(out, self.texts.number(span.trace_state));
        }
        if bits & has::STATUS != 0 {
            put_signed(out, span.status.into());
            put_number(out, self.texts.number(span.status_message));
        }
        if bits & has::COUNTS != 0 {
            span.counts.iter().for_each(|count| put_number(out, (*count).into()));
        }
    }

    /// Begins the events, or then the links, of a span: so many follow.
    pub fn list(&mut self, count: usize) {
        if count > 0 {
            put_number(&mut self.rows, count as u64);
        }
    }

    /// An event of a span that starts at `start`; both in nanoseconds.
    pub fn event(&mut self, start: u64, time: u64, name: &'s str, dropped_attributes: u32) {
        put_number(&mut self.rows, time.wrapping_sub(start));
        put_number(&mut self.rows, self.texts.number(name));
        put_number(&mut self.rows, dropped_attributes.into());
    }

    /// A link.
    pub fn link(&mut self, trace: TraceId, span: SpanId, trace_state: &'s str, flags: u32, dropped_attributes: u32) {
        self.rows.extend_from_slice(&trace.0);
        self.rows.extend_from_slice(&span.0);
        put_number(&mut self.rows, self.texts.number(trace_state));
        put_number(&mut self.rows, flags.into());
        put_number(&mut self.rows, dropped_attributes.into());
    }

    fn value(&mut self, value: &ValueView<'s>) {
        let out = &mut self.rows;
        match value {
            ValueView::Empty => out.push(has::NOTHING),
            ValueView::Str(text) => {
                out.push(has::TEXT);
                put_number(out, self.texts.number(text));
            }
            ValueView::Int(int) => {
                out.push(has::INT);
                put_signed(out, *int);
            }
            ValueView::Bool(false) => out.push(has::FALSE),
            ValueView::Bool(true) => out.push(has::TRUE),
            ValueView::Double(double) => {
                out.push(has::DOUBLE);
                out.extend_from_slice(&double.to_bits().to_le_bytes());
            }
            ValueView::Bytes(bytes) => {
                out.push(has::BYTES);
                put_bytes(out, bytes);
            }
            ValueView::Array(list) => {
                out.push(has::OTLP_ARRAY);
                put_bytes(out, list);
            }
            ValueView::Map(list) => {
                out.push(has::OTLP_MAP);
                put_bytes(out, list);
            }
        }
    }

    /// The answer, which [`super::decode_answer`] reads.
    ///
    /// # Errors
    /// Where it cannot be encoded.
    pub fn finish(self, stats: ScanStats) -> Result<Vec<u8>, WireError> {
        let (texts, lengths) = self.texts.into_texts();
        let table = SpanTable {
            texts: &texts,
            lengths: Raw(&lengths),
            traces: self.heads.iter().map(|(_, id, _)| *id).collect(),
            key_lists: Raw(&self.key_lists),
            resources: Raw(&self.resources.rows),
            scopes: Raw(&self.scopes.rows),
            count: self.heads.iter().map(|(_, _, spans)| spans).sum(),
            spans: Raw(&self.rows),
        };
        let room = texts.len() + lengths.len() + self.rows.len() + self.resources.rows.len() + (1 << 10);
        let out = Vec::with_capacity(room + 48 * self.heads.len());
        postcard::to_extend(&(TRACES, self.heads, table, stats), out)
            .map_err(|error| WireError::Encode(error.to_string()))
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn bits_of(span: &SentSpan<'_>) -> u64 {
    let bit = |bit, is_set| if is_set { bit } else { 0 };
    bit(has::PARENT, span.parent.is_some())
        | bit(has::TRACE_STATE, !span.trace_state.is_empty())
        | bit(has::STATUS, span.status != 0 || !span.status_message.is_empty())
        | bit(has::COUNTS, span.counts != [0; 4])
        | bit(has::EVENTS, span.events > 0)
        | bit(has::LINKS, span.links > 0)
}
