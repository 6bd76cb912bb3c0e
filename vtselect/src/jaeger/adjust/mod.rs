//! The repairs that Jaeger makes to a trace before it answers, unless `raw` is asked for, in its order: span ids
//! shared by client and server, order of attributes and events, clock skew, addresses stored as numbers, attributes
//! of the telemetry library, links without a trace. What cannot be repaired is said in the span's warnings, which
//! travel in the attribute where Jaeger stores them ([`WARNINGS`]).
//!
//! Spans that are stored twice never get here: a trace has none. The tags of processes are sorted when written.

mod attributes;
mod clock_skew;
mod links;
mod shared_ids;
#[cfg(test)]
mod tests;

use super::render::WARNINGS;
use common::span::Span;
use common::value::{AttrValue, Attribute};
use std::time::Duration;

/// Repairs the spans of one trace. `max_skew` bounds the shift of times; zero only warns.
pub(crate) fn standard(spans: &mut [Span], max_skew: Duration) {
    shared_ids::make_unique(spans);
    attributes::sort(spans);
    clock_skew::correct(spans, max_skew);
    attributes::dot_addresses(spans);
    attributes::move_library_attributes(spans);
    links::remove_without_trace(spans);
}

fn warn(span: &mut Span, text: String) {
    let warning = AttrValue::from(text);
    let stored = span.attributes.iter_mut().find(|a| &*a.key == WARNINGS);
    match stored.map(|attribute| &mut attribute.value) {
        Some(AttrValue::Array(texts)) => texts.push(warning),
        _ => span.attributes.push(Attribute {
            key: WARNINGS.into(),
            value: AttrValue::Array(vec![warning]),
        }),
    }
}
