//! Short ways to make spans.

use common::ids::{SpanId, TraceId};
use common::span::{Resource, SERVICE_NAME, Scope, Span};
use common::time::{NANOS_PER_DAY, UnixNanos};
use common::value::{AttrValue, Attribute};
use std::sync::Arc;

pub const SECOND: u64 = 1_000_000_000;

/// Midnight (UTC) three days ago: whole days before and after it are within the usual retention.
pub fn midnight() -> u64 {
    u64::from(UnixNanos::now().day().saturating_sub(3)) * NANOS_PER_DAY
}

/// Noon of that day: nothing near it crosses a day.
pub fn noon() -> u64 {
    midnight() + NANOS_PER_DAY / 2
}

pub fn trace_id(number: u128) -> TraceId {
    TraceId(number.to_be_bytes())
}

pub fn span_id(number: u64) -> SpanId {
    SpanId(number.to_be_bytes())
}

/// A span that starts at `start` and lasts a millisecond.
pub fn span(trace: u128, number: u64, start: u64) -> Span {
    Span {
        trace_id: trace_id(trace),
        span_id: span_id(number),
        name: "work".into(),
        start: UnixNanos(start),
        end: UnixNanos(start + 1_000_000),
        resource: service("shop"),
        ..Span::default()
    }
}

pub fn resource(attributes: Vec<Attribute>) -> Arc<Resource> {
    Resource {
        attributes,
        ..Resource::default()
    }
    .into()
}

pub fn service(name: &str) -> Arc<Resource> {
    resource(vec![Attribute::new(SERVICE_NAME, name)])
}

pub fn scope(name: &str, version: &str) -> Arc<Scope> {
    Scope {
        name: name.into(),
        version: version.into(),
        ..Scope::default()
    }
    .into()
}

/// An attribute of any type.
pub fn attr(key: &str, value: impl Into<AttrValue>) -> Attribute {
    Attribute::new(key, value)
}

pub fn bytes(bytes: &[u8]) -> AttrValue {
    AttrValue::Bytes(bytes.into())
}
