//! Spans as they are sent: texts, resources, scopes and trace ids by their numbers in lists that come with them.

use super::depth;
use crate::ids::{SpanId, TraceId};
use serde::{Deserialize, Serialize};

/// Spans with all that they refer to.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct SpanTable<'t> {
    #[serde(borrow)]
    pub(super) texts: Vec<&'t str>,
    pub(super) traces: Vec<TraceId>,
    pub(super) resources: Vec<ResourceRow<'t>>,
    pub(super) scopes: Vec<ScopeRow<'t>>,
    pub(super) spans: Vec<SpanRow<'t>>,
}

/// A resource. `u32` fields that are no counts are numbers of texts, here and below.
#[derive(Serialize, Deserialize)]
pub(super) struct ResourceRow<'t> {
    #[serde(borrow)]
    pub(super) attributes: Vec<AttributeRow<'t>>,
    pub(super) dropped_attributes_count: u32,
    pub(super) schema_url: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ScopeRow<'t> {
    pub(super) name: u32,
    pub(super) version: u32,
    #[serde(borrow)]
    pub(super) attributes: Vec<AttributeRow<'t>>,
    pub(super) dropped_attributes_count: u32,
    pub(super) schema_url: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SpanRow<'t> {
    /// Number of the trace id
    pub(super) trace: u32,
    pub(super) span_id: SpanId,
    pub(super) parent_span_id: Option<SpanId>,
    pub(super) trace_state: u32,
    pub(super) flags: u32,
    pub(super) name: u32,
    pub(super) kind: i32,
    /// Nanoseconds
    pub(super) start: u64,
    /// Nanoseconds from start to end, modulo 2^64
    pub(super) length: u64,
    #[serde(borrow)]
    pub(super) attributes: Vec<AttributeRow<'t>>,
    pub(super) dropped_attributes_count: u32,
    #[serde(borrow)]
    pub(super) events: Vec<EventRow<'t>>,
    pub(super) dropped_events_count: u32,
    #[serde(borrow)]
    pub(super) links: Vec<LinkRow<'t>>,
    pub(super) dropped_links_count: u32,
    pub(super) status_code: i32,
    pub(super) status_message: u32,
    /// Number of the resource
    pub(super) resource: u32,
    /// Number of the scope
    pub(super) scope: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EventRow<'t> {
    /// Nanoseconds
    pub(super) time: u64,
    pub(super) name: u32,
    #[serde(borrow)]
    pub(super) attributes: Vec<AttributeRow<'t>>,
    pub(super) dropped_attributes_count: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LinkRow<'t> {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) trace_state: u32,
    #[serde(borrow)]
    pub(super) attributes: Vec<AttributeRow<'t>>,
    pub(super) dropped_attributes_count: u32,
    pub(super) flags: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AttributeRow<'t> {
    pub(super) key: u32,
    #[serde(borrow)]
    pub(super) value: ValueRow<'t>,
}

#[derive(Serialize, Deserialize)]
pub(super) enum ValueRow<'t> {
    Empty,
    Text(u32),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'t [u8]),
    #[serde(borrow, deserialize_with = "depth::bounded")]
    Array(Vec<ValueRow<'t>>),
    #[serde(borrow, deserialize_with = "depth::bounded")]
    Map(Vec<AttributeRow<'t>>),
}
