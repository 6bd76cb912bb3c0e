//! From spans to the table that is sent.

use super::cursor::{put_number, put_signed};
use super::span_table::SpanTable;
use super::text_table::TextWriter;
use super::{raw::Raw, span_has as has};
use crate::ids::TraceId;
use crate::span::{Event, Link, Resource, Scope, Span};
use crate::value::{AttrValue, Attribute};
use hashbrown::HashMap;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// Writes the table of some spans, in their order.
pub(super) fn serialize<'s, S: Serializer>(
    spans: impl Iterator<Item = &'s Span>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut writer = Writer::default();
    let mut rows = Vec::new();
    let mut count = 0;
    for span in spans {
        writer.span(span, &mut rows);
        count += 1;
    }
    let (texts, lengths) = writer.texts.into_texts();
    let table = SpanTable {
        texts: &texts,
        lengths: Raw(&lengths),
        traces: writer.traces,
        key_lists: Raw(&writer.key_lists.rows),
        resources: Raw(&writer.resources.rows),
        scopes: Raw(&writer.scopes.rows),
        count,
        spans: Raw(&rows),
    };
    table.serialize(serializer)
}

/// What spans refer to by number, as far as it was met.
#[derive(Default)]
struct Writer<'s> {
    texts: TextWriter<'s>,
    /// A trace's spans follow each other, or its id is in here more than once
    traces: Vec<TraceId>,
    key_lists: KeyLists<'s>,
    resources: Shared<Resource>,
    scopes: Shared<Scope>,
}

/// The keys of lists of attributes. Many spans have the same: the very same, where one reader made them.
#[derive(Default)]
struct KeyLists<'s> {
    numbers: HashTable<(u64, u64, &'s [Attribute])>,
    rows: Vec<u8>,
}

impl<'s> KeyLists<'s> {
    fn number(&mut self, list: &'s [Attribute], texts: &mut TextWriter<'s>) -> u64 {
        let hash = hash_of_keys(list);
        let next = self.numbers.len() as u64;
        let is_same = |known: &(u64, u64, &[Attribute])| known.0 == hash && have_same_keys(known.2, list);
        match self.numbers.entry(hash, is_same, |known| known.0) {
            Entry::Occupied(known) => known.get().1,
            Entry::Vacant(place) => {
                place.insert((hash, next, list));
                put_number(&mut self.rows, list.len() as u64);
                list.iter()
                    .for_each(|attribute| put_number(&mut self.rows, texts.number(&attribute.key) + 1));
                next
            }
        }
    }
}

/// Of where the keys lie.
fn hash_of_keys(list: &[Attribute]) -> u64 {
    list.iter().fold(list.len() as u64, |hash, attribute| {
        let address = Arc::as_ptr(&attribute.key).addr() as u64;
        (hash.rotate_left(23) ^ address).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

fn have_same_keys(list: &[Attribute], other: &[Attribute]) -> bool {
    let mut pairs = list.iter().zip(other);
    list.len() == other.len() && pairs.all(|(a, b)| Arc::ptr_eq(&a.key, &b.key))
}

/// Things that many spans share: the same by address, or by what they are.
struct Shared<T> {
    by_address: HashMap<*const T, u32>,
    by_row: HashMap<Vec<u8>, u32>,
    rows: Vec<u8>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self {
            by_address: HashMap::new(),
            by_row: HashMap::new(),
            rows: Vec::new(),
        }
    }
}

impl<T> Shared<T> {
    fn number(&mut self, thing: &Arc<T>, write: impl FnOnce(&mut Vec<u8>)) -> u32 {
        let address = Arc::as_ptr(thing);
        if let Some(number) = self.by_address.get(&address) {
            return *number;
        }
        let mut row = Vec::new();
        write(&mut row);
        let next = count(self.by_row.len());
        let number = match self.by_row.get(&row) {
            Some(number) => *number,
            None => {
                self.rows.extend_from_slice(&row);
                self.by_row.insert(row, next);
                next
            }
        };
        self.by_address.insert(address, number);
        number
    }
}

impl<'s> Writer<'s> {
    fn span(&mut self, span: &'s Span, out: &mut Vec<u8>) {
        let bits = bits_of(span);
        put_number(out, bits);
        put_number(out, self.trace(span.trace_id).into());
        out.extend_from_slice(&span.span_id.0);
        if let Some(parent) = &span.parent_span_id {
            out.extend_from_slice(&parent.0);
        }
        self.text(&span.name, out);
        put_signed(out, span.kind.0.into());
        out.extend_from_slice(&span.start.0.to_le_bytes());
        put_number(out, span.end.0.wrapping_sub(span.start.0));
        let Self {
            texts,
            resources,
            scopes,
            ..
        } = self;
        let resource = resources.number(&span.resource, |out| write_resource(texts, &span.resource, out));
        let scope = scopes.number(&span.scope, |out| write_scope(texts, &span.scope, out));
        put_number(out, resource.into());
        put_number(out, scope.into());
        self.attributes(&span.attributes, out);
        self.rest(span, bits, out);
    }

    /// What few spans have.
    fn rest(&mut self, span: &'s Span, bits: u64, out: &mut Vec<u8>) {
        if bits & has::TRACE_STATE != 0 {
            self.text(&span.trace_state, out);
        }
        if bits & has::STATUS != 0 {
            put_signed(out, span.status_code.0.into());
            self.text(&span.status_message, out);
        }
        if bits & has::COUNTS != 0 {
            let counts = [
                span.flags,
                span.dropped_attributes_count,
                span.dropped_events_count,
                span.dropped_links_count,
            ];
            counts.into_iter().for_each(|count| put_number(out, count.into()));
        }
        if bits & has::EVENTS != 0 {
            put_number(out, span.events.len() as u64);
            span.events.iter().for_each(|event| self.event(event, span, out));
        }
        if bits & has::LINKS != 0 {
            put_number(out, span.links.len() as u64);
            span.links.iter().for_each(|link| self.link(link, out));
        }
    }

    /// Times of events are mostly a little after the start.
    fn event(&mut self, event: &'s Event, span: &Span, out: &mut Vec<u8>) {
        put_number(out, event.time.0.wrapping_sub(span.start.0));
        self.text(&event.name, out);
        put_number(out, event.dropped_attributes_count.into());
        self.attributes(&event.attributes, out);
    }

    fn link(&mut self, link: &'s Link, out: &mut Vec<u8>) {
        out.extend_from_slice(&link.trace_id.0);
        out.extend_from_slice(&link.span_id.0);
        self.text(&link.trace_state, out);
        put_number(out, link.flags.into());
        put_number(out, link.dropped_attributes_count.into());
        self.attributes(&link.attributes, out);
    }

    fn trace(&mut self, id: TraceId) -> u32 {
        if self.traces.last() != Some(&id) {
            self.traces.push(id);
        }
        count(self.traces.len() - 1)
    }

    fn text(&mut self, text: &'s str, out: &mut Vec<u8>) {
        put_number(out, self.texts.number(text));
    }

    /// The number of the keys' list, and the values.
    fn attributes(&mut self, list: &'s [Attribute], out: &mut Vec<u8>) {
        put_number(out, self.key_lists.number(list, &mut self.texts));
        for attribute in list {
            write_value(&mut self.texts, &attribute.value, out);
        }
    }
}

fn bits_of(span: &Span) -> u64 {
    let counts = span.flags | span.dropped_attributes_count | span.dropped_events_count | span.dropped_links_count;
    let bit = |bit, is_set| if is_set { bit } else { 0 };
    bit(has::PARENT, span.parent_span_id.is_some())
        | bit(has::TRACE_STATE, !span.trace_state.is_empty())
        | bit(has::STATUS, span.status_code.0 != 0 || !span.status_message.is_empty())
        | bit(has::COUNTS, counts != 0)
        | bit(has::EVENTS, !span.events.is_empty())
        | bit(has::LINKS, !span.links.is_empty())
}

/// A list of so many things does not fit into memory.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn write_resource<'s>(texts: &mut TextWriter<'s>, resource: &'s Resource, out: &mut Vec<u8>) {
    put_number(out, has::FIELDS);
    put_number(out, resource.dropped_attributes_count.into());
    put_number(out, texts.number(&resource.schema_url));
    write_map(texts, &resource.attributes, out);
}

fn write_scope<'s>(texts: &mut TextWriter<'s>, scope: &'s Scope, out: &mut Vec<u8>) {
    put_number(out, has::FIELDS);
    put_number(out, texts.number(&scope.name));
    put_number(out, texts.number(&scope.version));
    put_number(out, scope.dropped_attributes_count.into());
    put_number(out, texts.number(&scope.schema_url));
    write_map(texts, &scope.attributes, out);
}

/// Attributes with their keys: the same for equal ones.
fn write_map<'s>(texts: &mut TextWriter<'s>, list: &'s [Attribute], out: &mut Vec<u8>) {
    put_number(out, list.len() as u64);
    for attribute in list {
        put_number(out, texts.number(&attribute.key));
        write_value(texts, &attribute.value, out);
    }
}

fn write_value<'s>(texts: &mut TextWriter<'s>, value: &'s AttrValue, out: &mut Vec<u8>) {
    match value {
        AttrValue::Str(text) => {
            out.push(has::TEXT);
            put_number(out, texts.number(text));
        }
        AttrValue::Int(int) => {
            out.push(has::INT);
            put_signed(out, *int);
        }
        AttrValue::Bool(false) => out.push(has::FALSE),
        AttrValue::Bool(true) => out.push(has::TRUE),
        AttrValue::Double(double) => {
            out.push(has::DOUBLE);
            out.extend_from_slice(&double.to_bits().to_le_bytes());
        }
        AttrValue::Bytes(bytes) => {
            out.push(has::BYTES);
            put_number(out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        AttrValue::Array(values) => {
            out.push(has::ARRAY);
            put_number(out, values.len() as u64);
            values.iter().for_each(|value| write_value(texts, value, out));
        }
        AttrValue::Map(entries) => {
            out.push(has::MAP);
            write_map(texts, entries, out);
        }
        AttrValue::Empty => out.push(has::NOTHING),
    }
}
