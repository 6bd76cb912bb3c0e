//! References to columns: the intrinsic fields of a span and the attributes of each level.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where an attribute of a span row lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum AttrLevel {
    Resource,
    Scope,
    Span,
}

/// Fields that every span has, with or without a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum SpanField {
    TraceId,
    SpanId,
    ParentSpanId,
    TraceState,
    Flags,
    Name,
    /// `SpanKind` as its number
    Kind,
    /// Start in nanoseconds since the epoch
    Start,
    /// End in nanoseconds since the epoch
    End,
    /// End minus start in nanoseconds
    Duration,
    DroppedAttributesCount,
    DroppedEventsCount,
    DroppedLinksCount,
    /// `StatusCode` as its number
    StatusCode,
    StatusMessage,
    ScopeName,
    ScopeVersion,
}

/// Fields of a span's events.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum EventField {
    Name,
    /// Nanoseconds since the epoch
    Time,
    DroppedAttributesCount,
    Attr(Arc<str>),
}

/// Fields of a span's links.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum LinkField {
    TraceId,
    SpanId,
    TraceState,
    Flags,
    DroppedAttributesCount,
    Attr(Arc<str>),
}

/// A column of the span table. Of events and links, one at an index, or (`index: None`) any of them: a predicate
/// then holds where it holds for at least one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Column {
    Field(SpanField),
    /// Keys with dots are also those inside of maps: [`crate::value::find_path`]
    Attr {
        level: AttrLevel,
        key: Arc<str>,
    },
    Event {
        field: EventField,
        index: Option<u32>,
    },
    Link {
        field: LinkField,
        index: Option<u32>,
    },
}

impl Column {
    pub fn span(key: impl Into<Arc<str>>) -> Self {
        Self::Attr {
            level: AttrLevel::Span,
            key: key.into(),
        }
    }

    pub fn resource(key: impl Into<Arc<str>>) -> Self {
        Self::Attr {
            level: AttrLevel::Resource,
            key: key.into(),
        }
    }

    pub fn scope(key: impl Into<Arc<str>>) -> Self {
        Self::Attr {
            level: AttrLevel::Scope,
            key: key.into(),
        }
    }

    /// The name of the service: resource attribute `service.name`.
    pub fn service() -> Self {
        Self::resource(crate::span::SERVICE_NAME)
    }

    /// An attribute of any event.
    pub fn event(key: impl Into<Arc<str>>) -> Self {
        Self::Event {
            field: EventField::Attr(key.into()),
            index: None,
        }
    }

    /// An attribute of any link.
    pub fn link(key: impl Into<Arc<str>>) -> Self {
        Self::Link {
            field: LinkField::Attr(key.into()),
            index: None,
        }
    }
}
