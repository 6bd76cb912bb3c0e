//! The levels of a request above its spans: if their frames are broken, no span can be told from the next and the
//! message is refused as a whole, with the place where reading stopped.

use common::otlp::wire::{Field, Fields, WireError};

/// `ExportTraceServiceRequest.resource_spans`
pub(super) const RESOURCE_SPANS: u32 = 1;
/// `ResourceSpans.resource`, `ScopeSpans.scope`
pub(super) const ORIGIN: u32 = 1;
/// `ResourceSpans.scope_spans`, `ScopeSpans.spans`
pub(super) const ITEMS: u32 = 2;
/// `schema_url` of both
pub(super) const SCHEMA_URL: u32 = 3;

/// Bytes that are no OTLP trace request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{error} at byte {at}")]
pub struct Malformed {
    /// Offset in the message, after decompression
    pub at: usize,
    pub error: WireError,
}

/// Walks the fields of the request or of a group in it, and remembers where they lie.
pub(super) struct Framing<'a> {
    fields: Fields<'a>,
    body: &'a [u8],
}

/// One field of a group.
pub(super) struct Item<'a> {
    pub number: u32,
    /// The whole field as it stands on the wire, its key and any unknown group before it included
    pub raw: &'a [u8],
    field: Field<'a>,
    at: usize,
}

impl<'a> Framing<'a> {
    /// `message` is a part of `body`.
    pub(super) fn new(message: &'a [u8], body: &'a [u8]) -> Self {
        Self {
            fields: Fields::new(message),
            body,
        }
    }

    #[inline]
    pub(super) fn next_item(&mut self) -> Result<Option<Item<'a>>, Malformed> {
        let before = self.fields.remaining();
        match self.fields.next_field() {
            Ok(None) => Ok(None),
            Ok(Some(field)) => {
                let len = before.len() - self.fields.remaining().len();
                let raw = before.get(..len).unwrap_or(before);
                Ok(Some(Item {
                    number: field.number,
                    raw,
                    field,
                    at: offset(before, self.body),
                }))
            }
            Err(error) => Err(Malformed {
                at: offset(self.fields.remaining(), self.body),
                error,
            }),
        }
    }
}

impl<'a> Item<'a> {
    #[inline]
    pub(super) fn bytes(&self) -> Result<&'a [u8], Malformed> {
        self.field.bytes().map_err(|error| Malformed { at: self.at, error })
    }
}

/// How far into `whole` its part `part` begins.
fn offset(part: &[u8], whole: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}
