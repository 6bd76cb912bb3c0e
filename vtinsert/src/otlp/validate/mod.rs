//! The one place where spans are judged: a single walk over the bytes of an `ExportTraceServiceRequest` that builds
//! nothing. Good messages pass on as the bytes they came in; bad spans are cut out, counted, and the rest is kept.
//!
//! What is stricter or laxer than a protobuf library (prost) on purpose: unknown groups are skipped even under the
//! number of a known field; messages that this version of OTLP does not know within known ones are not looked into;
//! values may nest up to [`common::otlp::view::MAX_VALUE_DEPTH`] levels, where prost stops at about 30 maps.

mod check;
mod cut;
mod framing;
mod reason;
#[cfg(test)]
mod tests;

pub use framing::Malformed;
pub use reason::{Place, Reason, Rejections};

use bytes::Bytes;
use check::Checker;
use common::time::TimeRange;
use framing::{Framing, RESOURCE_SPANS};

/// Limits that every span must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanLimits {
    /// Attributes of one span, event, link, scope or resource
    pub max_attributes: usize,
    /// Levels of arrays and maps within one attribute's value
    pub max_value_depth: usize,
    /// Bytes of an attribute's key
    pub max_key_length: usize,
}

/// What is left of a message when its bad spans are gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// The bytes given, where nothing had to be cut; all spans in them are good.
    pub otlp: Bytes,
    /// Spans in `otlp`
    pub spans: u64,
    pub rejections: Rejections,
}

/// Judges messages by fixed limits and one range of start times.
#[derive(Clone, Debug)]
pub struct Validator {
    checker: Checker,
}

/// What one walk found.
#[derive(Default)]
struct Tally {
    spans: u64,
    rejections: Rejections,
    /// Whether anything has to be cut out, be it a group without spans
    cut: bool,
}

impl Validator {
    /// Spans must start within `starts`.
    pub fn new(limits: SpanLimits, starts: TimeRange) -> Self {
        Self {
            checker: Checker { limits, starts },
        }
    }

    /// Judges the bytes of an `ExportTraceServiceRequest` (equally `TracesData`).
    ///
    /// # Errors
    /// The bytes are no such message: the groups that hold the spans cannot be told apart.
    pub fn validate(&self, body: Bytes) -> Result<Validated, Malformed> {
        let mut tally = Tally::default();
        let mut request = Framing::new(&body, &body);
        while let Some(item) = request.next_item()? {
            if item.number == RESOURCE_SPANS {
                self.resource_spans(item.bytes()?, &body, &mut tally)?;
            }
        }
        let otlp = if tally.cut {
            Bytes::from(cut::rebuild(&self.checker, &body)?)
        } else {
            body
        };
        Ok(Validated {
            otlp,
            spans: tally.spans,
            rejections: tally.rejections,
        })
    }

    fn resource_spans(&self, group: &[u8], body: &[u8], tally: &mut Tally) -> Result<(), Malformed> {
        let verdict = self.checker.group(group, body, Place::Resource)?;
        let mut items = Framing::new(group, body);
        while let Some(item) = items.next_item()? {
            if item.number == framing::ITEMS {
                match verdict {
                    Ok(()) => self.scope_spans(item.bytes()?, body, tally)?,
                    Err(reason) => {
                        tally
                            .rejections
                            .add(Place::Resource, reason, count_items(item.bytes()?, body)?);
                    }
                }
            }
        }
        tally.cut |= verdict.is_err();
        Ok(())
    }

    fn scope_spans(&self, group: &[u8], body: &[u8], tally: &mut Tally) -> Result<(), Malformed> {
        if let Err(reason) = self.checker.group(group, body, Place::Scope)? {
            tally.rejections.add(Place::Scope, reason, count_items(group, body)?);
            tally.cut = true;
            return Ok(());
        }
        let mut items = Framing::new(group, body);
        while let Some(item) = items.next_item()? {
            if item.number == framing::ITEMS {
                match self.checker.span(item.bytes()?) {
                    Ok(()) => tally.spans += 1,
                    Err(reason) => {
                        tally.rejections.add(Place::Span, reason, 1);
                        tally.cut = true;
                    }
                }
            }
        }
        Ok(())
    }
}

fn count_items(group: &[u8], body: &[u8]) -> Result<u64, Malformed> {
    let mut items = Framing::new(group, body);
    let mut count = 0;
    while let Some(item) = items.next_item()? {
        count += u64::from(item.number == framing::ITEMS);
    }
    Ok(count)
}
