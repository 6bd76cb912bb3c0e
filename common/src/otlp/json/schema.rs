//! The messages of OTLP traces (opentelemetry-proto 1.x) as tables: names and numbers of fields, and how JSON says
//! their values.

/// A message type.
#[derive(Debug)]
pub(super) struct Message {
    pub fields: &'static [Field],
    /// At most one field is set, and one that is set counts even with an empty or zero value.
    pub is_union: bool,
    /// A value within a value: its depth is limited.
    pub nests: bool,
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// Lower camel case
    pub json: &'static str,
    /// As in the `.proto` file
    pub proto: &'static str,
    pub number: u32,
    pub kind: Kind,
}

/// How a field is written in JSON and in protobuf.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Bytes as hexadecimal digits
    HexId,
    /// Bytes as base64
    Base64,
    Bool,
    Uint32,
    Int64,
    Fixed32,
    Fixed64,
    Double,
    /// The names in the order of their numbers
    Enum(&'static [&'static str]),
    Message(&'static Message),
    Messages(&'static Message),
    Texts,
}

use Kind::{Base64, Bool, Double, Enum, Fixed32, Fixed64, HexId, Int64, Messages, Text, Texts, Uint32};

const fn field(json: &'static str, proto: &'static str, number: u32, kind: Kind) -> Field {
    Field {
        json,
        proto,
        number,
        kind,
    }
}

const fn message(fields: &'static [Field]) -> Message {
    Message {
        fields,
        is_union: false,
        nests: false,
    }
}

impl Message {
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields
            .iter()
            .find(|field| field.json == name || field.proto == name)
    }
}

pub(super) static REQUEST: Message = message(&[field("resourceSpans", "resource_spans", 1, Messages(&RESOURCE_SPANS))]);

static RESOURCE_SPANS: Message = message(&[
    field("resource", "resource", 1, Kind::Message(&RESOURCE)),
    field("scopeSpans", "scope_spans", 2, Messages(&SCOPE_SPANS)),
    field("schemaUrl", "schema_url", 3, Text),
]);

static RESOURCE: Message = message(&[
    field("attributes", "attributes", 1, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", "dropped_attributes_count", 2, Uint32),
    field("entityRefs", "entity_refs", 3, Messages(&ENTITY_REF)),
]);

static ENTITY_REF: Message = message(&[
    field("schemaUrl", "schema_url", 1, Text),
    field("type", "type", 2, Text),
    field("idKeys", "id_keys", 3, Texts),
    field("descriptionKeys", "description_keys", 4, Texts),
]);

static SCOPE_SPANS: Message = message(&[
    field("scope", "scope", 1, Kind::Message(&SCOPE)),
    field("spans", "spans", 2, Messages(&SPAN)),
    field("schemaUrl", "schema_url", 3, Text),
]);

static SCOPE: Message = message(&[
    field("name", "name", 1, Text),
    field("version", "version", 2, Text),
    field("attributes", "attributes", 3, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", "dropped_attributes_count", 4, Uint32),
]);

static SPAN: Message = message(&[
    field("traceId", "trace_id", 1, HexId),
    field("spanId", "span_id", 2, HexId),
    field("traceState", "trace_state", 3, Text),
    field("parentSpanId", "parent_span_id", 4, HexId),
    field("name", "name", 5, Text),
    field("kind", "kind", 6, Enum(&SPAN_KINDS)),
    field("startTimeUnixNano", "start_time_unix_nano", 7, Fixed64),
    field("endTimeUnixNano", "end_time_unix_nano", 8, Fixed64),
    field("attributes", "attributes", 9, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", "dropped_attributes_count", 10, Uint32),
    field("events", "events", 11, Messages(&EVENT)),
    field("droppedEventsCount", "dropped_events_count", 12, Uint32),
    field("links", "links", 13, Messages(&LINK)),
    field("droppedLinksCount", "dropped_links_count", 14, Uint32),
    field("status", "status", 15, Kind::Message(&STATUS)),
    field("flags", "flags", 16, Fixed32),
]);

static SPAN_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

static EVENT: Message = message(&[
    field("timeUnixNano", "time_unix_nano", 1, Fixed64),
    field("name", "name", 2, Text),
    field("attributes", "attributes", 3, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", "dropped_attributes_count", 4, Uint32),
]);

static LINK: Message = message(&[
    field("traceId", "trace_id", 1, HexId),
    field("spanId", "span_id", 2, HexId),
    field("traceState", "trace_state", 3, Text),
    field("attributes", "attributes", 4, Messages(&KEY_VALUE)),
    field("droppedAttributesCount", "dropped_attributes_count", 5, Uint32),
    field("flags", "flags", 6, Fixed32),
]);

static STATUS: Message = message(&[
    field("message", "message", 2, Text),
    field("code", "code", 3, Enum(&STATUS_CODES)),
]);

static STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

static KEY_VALUE: Message = message(&[
    field("key", "key", 1, Text),
    field("value", "value", 2, Kind::Message(&ANY_VALUE)),
]);

static ANY_VALUE: Message = Message {
    fields: &[
        field("stringValue", "string_value", 1, Text),
        field("boolValue", "bool_value", 2, Bool),
        field("intValue", "int_value", 3, Int64),
        field("doubleValue", "double_value", 4, Double),
        field("arrayValue", "array_value", 5, Kind::Message(&ARRAY_VALUE)),
        field("kvlistValue", "kvlist_value", 6, Kind::Message(&KEY_VALUE_LIST)),
        field("bytesValue", "bytes_value", 7, Base64),
    ],
    is_union: true,
    nests: false,
};

static ARRAY_VALUE: Message = Message {
    fields: &[field("values", "values", 1, Messages(&ANY_VALUE))],
    is_union: false,
    nests: true,
};

static KEY_VALUE_LIST: Message = Message {
    fields: &[field("values", "values", 1, Messages(&KEY_VALUE))],
    is_union: false,
    nests: true,
};
