//! Cuts a request into pieces for groups of nodes. Spans are copied as they stand on the wire; of their fields only the
//! trace id is looked at. It knows nothing of the cluster but the [`Route`].

use super::route::{Group, Route};
use bytes::Bytes;
use common::cluster::{Slot, SlotSet};
use common::ids::TraceId;
use common::otlp::wire::{Fields, WireError};

/// `TracesData.resource_spans`, with its wire type
const RESOURCE_SPANS: u8 = 1 << 3 | 2;
/// `ResourceSpans.scope_spans`, with its wire type
const SCOPE_SPANS: u8 = 2 << 3 | 2;
/// `ResourceSpans.scope_spans`, `ScopeSpans.spans`
const ITEMS: u32 = 2;
/// `Span.trace_id`
const TRACE_ID: u32 = 1;

/// Lengths of groups are written with this many bytes, the last ones being zeros, so that a group need not be moved when
/// its length is known.
const LENGTH_BYTES: usize = 5;

/// What one group of nodes gets of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub group: Group,
    /// Slots of its spans
    pub slots: SlotSet,
    /// A `TracesData` message
    pub bytes: Bytes,
}

/// Copies each span of a `TracesData` message (equally `ExportTraceServiceRequest`) to the groups of its slot. Groups
/// without spans get no piece. The frames of a span, its resource and scope with all their fields, come with it once for each
/// piece. Fields beside the resources are left out.
///
/// # Errors
/// When the bytes are no such message: they ought to have been validated.
pub fn cut(otlp: &[u8], route: &Route) -> Result<Vec<Piece>, WireError> {
    let mut cutter = Cutter::new(route, otlp.len());
    let mut request = Fields::new(otlp);
    while let Some(field) = request.next_field()? {
        if field.number == 1 {
            cutter.resource_spans(field.bytes()?)?;
        }
    }
    Ok(cutter.finish())
}

/// Like [`cut`], but pieces larger than `largest` bytes are cut further, by slots: pieces of one group have no slot in
/// common. A piece of one slot may be larger still.
///
/// # Errors
/// As [`cut`].
pub fn cut_within(otlp: &[u8], route: &Route, largest: usize) -> Result<Vec<Piece>, WireError> {
    let mut pieces = Vec::new();
    for piece in cut(otlp, route)? {
        if piece.bytes.len() <= largest || piece.slots.len() < 2 {
            pieces.push(piece);
            continue;
        }
        // Slots are not of one size: a quarter of room for those that are larger.
        let shares = (piece.bytes.len() + piece.bytes.len() / 4).div_ceil(largest.max(1));
        let mut dealt = vec![SlotSet::new(); shares.min(piece.slots.len())];
        let hands = dealt.len();
        for (turn, slot) in piece.slots.iter().enumerate() {
            if let Some(hand) = dealt.get_mut(turn % hands) {
                hand.insert(slot);
            }
        }
        let hands = dealt.iter().map(|slots| (piece.group.clone(), slots));
        pieces.extend(cut(&piece.bytes, &Route::of_assignment(route.slots(), hands))?);
    }
    Ok(pieces)
}

struct Cutter<'a, 'r> {
    route: &'r Route,
    outs: Vec<Out>,
    /// Fields of the current resource beside its scopes, and of the current scope beside its spans
    resource: Vec<&'a [u8]>,
    scope: Vec<&'a [u8]>,
    /// Of the last span
    trace: TraceId,
    slot: Slot,
}

/// One piece in the making.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    slots: SlotSet,
    /// The slot of its last span
    last: Option<Slot>,
    resource: Option<Open>,
    scope: Option<Open>,
}

/// A group whose end is not written yet.
struct Open {
    /// Where its content begins
    content: usize,
    /// How many fields of the frame are in it
    framed: usize,
}

impl<'a, 'r> Cutter<'a, 'r> {
    fn new(route: &'r Route, len: usize) -> Self {
        // An even share for each group, and some more: what does not fit is moved once.
        let share = (len + len / 8).saturating_mul(route.copies())
            / usize::from(route.slots()).max(1)
            / route.groups().len().max(1);
        let out = |_: &Group| Out {
            bytes: Vec::with_capacity(share),
            ..Out::default()
        };
        Self {
            route,
            outs: route.groups().iter().map(out).collect(),
            resource: Vec::new(),
            scope: Vec::new(),
            trace: TraceId::default(),
            slot: Slot::of(TraceId::default(), route.slots()),
        }
    }

    fn resource_spans(&mut self, group: &'a [u8]) -> Result<(), WireError> {
        self.resource.clear();
        let mut fields = Fields::new(group);
        loop {
            let before = fields.remaining();
            let Some(field) = fields.next_field()? else { break };
            if field.number == ITEMS {
                self.scope_spans(field.bytes()?)?;
            } else {
                self.resource.push(passed(before, &fields));
            }
        }
        for out in &mut self.outs {
            let open = out.resource.take();
            out.close(open, &self.resource);
        }
        Ok(())
    }

    fn scope_spans(&mut self, group: &'a [u8]) -> Result<(), WireError> {
        self.scope.clear();
        let mut fields = Fields::new(group);
        loop {
            let before = fields.remaining();
            let Some(field) = fields.next_field()? else { break };
            if field.number == ITEMS {
                self.span(field.bytes()?, passed(before, &fields))?;
            } else {
                self.scope.push(passed(before, &fields));
            }
        }
        for out in &mut self.outs {
            let open = out.scope.take();
            out.close(open, &self.scope);
        }
        Ok(())
    }

    /// `raw` is the span with its key and length.
    #[inline]
    fn span(&mut self, span: &[u8], raw: &[u8]) -> Result<(), WireError> {
        let trace = trace_id(span)?;
        if trace != self.trace {
            self.trace = trace;
            self.slot = Slot::of(trace, self.route.slots());
        }
        for group in self.route.of(self.slot) {
            if let Some(out) = self.outs.get_mut(group) {
                out.span(raw, self.slot, &self.resource, &self.scope);
            }
        }
        Ok(())
    }

    fn finish(self) -> Vec<Piece> {
        let pieces = self.outs.into_iter().zip(self.route.groups());
        pieces
            .filter(|(out, _)| !out.bytes.is_empty())
            .map(|(out, group)| Piece {
                group: group.clone(),
                slots: out.slots,
                bytes: Bytes::from(out.bytes),
            })
            .collect()
    }
}

impl Out {
    #[inline]
    fn span(&mut self, raw: &[u8], slot: Slot, resource: &[&[u8]], scope: &[&[u8]]) {
        if self.scope.is_none() {
            self.open_scope(resource, scope);
        }
        if self.last != Some(slot) {
            self.slots.insert(slot);
            self.last = Some(slot);
        }
        self.bytes.extend_from_slice(raw);
    }

    #[inline(never)]
    fn open_scope(&mut self, resource: &[&[u8]], scope: &[&[u8]]) {
        if self.resource.is_none() {
            self.resource = Some(self.open(RESOURCE_SPANS, resource));
        }
        self.scope = Some(self.open(SCOPE_SPANS, scope));
    }

    /// Begins a group with the fields of its frame that are known by now.
    fn open(&mut self, key: u8, frame: &[&[u8]]) -> Open {
        self.bytes.push(key);
        self.bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        let content = self.bytes.len();
        frame.iter().for_each(|field| self.bytes.extend_from_slice(field));
        Open {
            content,
            framed: frame.len(),
        }
    }

    /// Ends a group with the fields that came behind its first span.
    fn close(&mut self, open: Option<Open>, frame: &[&[u8]]) {
        let Some(Open { content, framed }) = open else { return };
        let late = frame.get(framed..).unwrap_or_default();
        late.iter().for_each(|field| self.bytes.extend_from_slice(field));
        let mut len = self.bytes.len().saturating_sub(content);
        if let Some(place) = self.bytes.get_mut(content.saturating_sub(LENGTH_BYTES)..content) {
            for byte in place.iter_mut() {
                *byte = 0x80 | (len & 0x7f) as u8;
                len >>= 7;
            }
            if let Some(last) = place.last_mut() {
                *last &= 0x7f;
            }
        }
    }
}

/// What `fields` has read since `before` remained.
#[inline]
fn passed<'a>(before: &'a [u8], fields: &Fields<'_>) -> &'a [u8] {
    let read = before.len() - fields.remaining().len();
    before.get(..read).unwrap_or(before)
}

/// The trace id of a span; the last one counts where there are several.
#[inline]
fn trace_id(span: &[u8]) -> Result<TraceId, WireError> {
    let mut id = TraceId::default();
    let mut fields = Fields::new(span);
    while let Some(field) = fields.next_field()? {
        if field.number == TRACE_ID
            && let Ok(bytes) = field.bytes()?.try_into()
        {
            id = TraceId(bytes);
        }
    }
    Ok(id)
}

#[cfg(test)]
mod tests;
