//! Spans and traces as OTLP defines them (`opentelemetry.proto.trace.v1`), with every field kept.

use crate::ids::{SpanId, TraceId};
use crate::time::UnixNanos;
use crate::value::{AttrValue, Attribute, find};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Attribute key of a resource that names its service.
pub const SERVICE_NAME: &str = "service.name";

/// `Span.SpanKind`: an open enumeration, so that an unknown number is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
pub struct SpanKind(pub i32);

impl SpanKind {
    pub const UNSPECIFIED: Self = Self(0);
    pub const INTERNAL: Self = Self(1);
    pub const SERVER: Self = Self(2);
    pub const CLIENT: Self = Self(3);
    pub const PRODUCER: Self = Self(4);
    pub const CONSUMER: Self = Self(5);

    /// Lower-case name; empty for unspecified and unknown kinds.
    pub fn name(self) -> &'static str {
        match self {
            Self::INTERNAL => "internal",
            Self::SERVER => "server",
            Self::CLIENT => "client",
            Self::PRODUCER => "producer",
            Self::CONSUMER => "consumer",
            _ => "",
        }
    }

    /// The kind of a lower-case name; `unspecified` and the empty text are [`Self::UNSPECIFIED`].
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "" | "unspecified" => Self::UNSPECIFIED,
            "internal" => Self::INTERNAL,
            "server" => Self::SERVER,
            "client" => Self::CLIENT,
            "producer" => Self::PRODUCER,
            "consumer" => Self::CONSUMER,
            _ => return None,
        })
    }
}

/// `Status.StatusCode`: an open enumeration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
pub struct StatusCode(pub i32);

impl StatusCode {
    pub const UNSET: Self = Self(0);
    pub const OK: Self = Self(1);
    pub const ERROR: Self = Self(2);
}

/// What emitted the spans: a service instance.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Resource {
    pub attributes: Vec<Attribute>,
    pub dropped_attributes_count: u32,
    /// `ResourceSpans.schema_url`
    pub schema_url: Arc<str>,
}

impl Resource {
    /// The `service.name`, where it is a text.
    pub fn service_name(&self) -> Option<&str> {
        find(&self.attributes, SERVICE_NAME).and_then(AttrValue::as_str)
    }
}

/// The instrumentation library that made the spans.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Scope {
    pub name: Arc<str>,
    pub version: Arc<str>,
    pub attributes: Vec<Attribute>,
    pub dropped_attributes_count: u32,
    /// `ScopeSpans.schema_url`
    pub schema_url: Arc<str>,
}

/// A timestamped event of a span.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Event {
    pub time: UnixNanos,
    pub name: Arc<str>,
    pub attributes: Vec<Attribute>,
    pub dropped_attributes_count: u32,
}

/// A pointer to another span. Its ids may be empty or of a wrong length in the wild: absent then.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Link {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub trace_state: Arc<str>,
    pub attributes: Vec<Attribute>,
    pub dropped_attributes_count: u32,
    pub flags: u32,
}

/// One span with the resource and scope it came under.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Span {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// Absent for a root span.
    pub parent_span_id: Option<SpanId>,
    pub trace_state: Arc<str>,
    pub flags: u32,
    pub name: Arc<str>,
    pub kind: SpanKind,
    pub start: UnixNanos,
    pub end: UnixNanos,
    pub attributes: Vec<Attribute>,
    pub dropped_attributes_count: u32,
    pub events: Vec<Event>,
    pub dropped_events_count: u32,
    pub links: Vec<Link>,
    pub dropped_links_count: u32,
    pub status_code: StatusCode,
    pub status_message: Arc<str>,
    pub resource: Arc<Resource>,
    pub scope: Arc<Scope>,
}

/// End minus start in nanoseconds; 0 where the end is not set, lies before the start, or more than 292 years after it.
pub fn duration_nanos(start: u64, end: u64) -> u64 {
    end.wrapping_sub(start).cast_signed().max(0).cast_unsigned()
}

/// What makes two records the same span: used by deduplication, digests and repair.
pub type SpanIdentity<'a> = (TraceId, SpanId, SpanKind, UnixNanos, &'a str);

impl Span {
    /// See [`duration_nanos`].
    pub fn duration_nanos(&self) -> u64 {
        duration_nanos(self.start.0, self.end.0)
    }

    pub fn identity(&self) -> SpanIdentity<'_> {
        (self.trace_id, self.span_id, self.kind, self.start, &self.name)
    }

    /// The service that emitted it; empty where the resource does not say.
    pub fn service_name(&self) -> &str {
        self.resource.service_name().unwrap_or_default()
    }
}

/// The spans of one trace, ordered by start time, without duplicates.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Trace {
    pub trace_id: TraceId,
    pub spans: Vec<Span>,
}

impl Trace {
    /// Orders spans by (start, span id) and drops repeated ones.
    pub fn new(trace_id: TraceId, mut spans: Vec<Span>) -> Self {
        spans.sort_by(|a, b| (a.start, a.span_id, a.kind, &a.name).cmp(&(b.start, b.span_id, b.kind, &b.name)));
        spans.dedup_by(|a, b| a.identity() == b.identity());
        Self { trace_id, spans }
    }

    /// The earliest start of its spans; 0 for an empty trace.
    pub fn start(&self) -> UnixNanos {
        self.spans.iter().map(|s| s.start).min().unwrap_or_default()
    }
}
