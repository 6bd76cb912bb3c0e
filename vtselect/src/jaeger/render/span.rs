//! One span.

use super::super::envelope::close_list;
use super::super::ids::write_trace_id;
use super::WARNINGS;
use super::value::{tag, text_tag};
use crate::http::json;
use common::ids::SpanId;
use common::span::{Event, Link, Span, SpanKind, StatusCode};
use common::time::UnixNanos;
use common::value::{AttrValue, Attribute, find};

/// Attribute of a link that tells what OpenTracing made of it.
const REF_TYPE: &str = "opentracing.ref_type";

/// Appends a span object; `trace_id` is the text of its trace's id, `process` the number of its process.
pub(crate) fn write(out: &mut Vec<u8>, span: &Span, trace_id: &[u8], process: u64) {
    out.extend_from_slice(b"{\"traceID\":\"");
    out.extend_from_slice(trace_id);
    out.extend_from_slice(b"\",\"spanID\":\"");
    json::hex(out, &span.span_id.0);
    out.extend_from_slice(b"\",\"operationName\":");
    json::string(out, &span.name);
    out.extend_from_slice(b",\"references\":[");
    references(out, span, trace_id);
    out.extend_from_slice(b",\"startTime\":");
    json::unsigned(out, micros(span.start));
    out.extend_from_slice(b",\"duration\":");
    json::unsigned(out, span.duration_nanos() / 1_000);
    out.extend_from_slice(b",\"tags\":[");
    tags(out, span);
    out.extend_from_slice(b",\"logs\":[");
    for event in &span.events {
        log(out, event);
    }
    close_list(out);
    out.extend_from_slice(b",\"processID\":\"p");
    json::unsigned(out, process);
    out.extend_from_slice(b"\",\"warnings\":");
    warnings(out, span);
    out.push(b'}');
}

fn micros(time: UnixNanos) -> u64 {
    time.0 / 1_000
}

/// The parent first. A link to the parent says what kind of reference that is instead of being one of its own.
fn references(out: &mut Vec<u8>, span: &Span, trace_id: &[u8]) {
    if let Some(parent) = span.parent_span_id {
        let to_parent = span.links.iter().rfind(|link| is_parent(link, span, parent));
        reference(out, to_parent.map_or("CHILD_OF", ref_type), trace_id, parent);
    }
    for link in &span.links {
        if span.parent_span_id.is_some_and(|parent| is_parent(link, span, parent)) {
            continue;
        }
        let mut linked_trace = Vec::with_capacity(32);
        write_trace_id(&mut linked_trace, link.trace_id);
        reference(out, ref_type(link), &linked_trace, link.span_id);
    }
    close_list(out);
}

fn is_parent(link: &Link, span: &Span, parent: SpanId) -> bool {
    link.span_id == parent && link.trace_id == span.trace_id
}

fn ref_type(link: &Link) -> &'static str {
    match find(&link.attributes, REF_TYPE).and_then(AttrValue::as_str) {
        Some("child_of") => "CHILD_OF",
        _ => "FOLLOWS_FROM",
    }
}

fn reference(out: &mut Vec<u8>, ref_type: &str, trace_id: &[u8], span_id: SpanId) {
    out.extend_from_slice(b"{\"refType\":\"");
    out.extend_from_slice(ref_type.as_bytes());
    out.extend_from_slice(b"\",\"traceID\":\"");
    out.extend_from_slice(trace_id);
    out.extend_from_slice(b"\",\"spanID\":\"");
    json::hex(out, &span_id.0);
    out.extend_from_slice(b"\"},");
}

fn tags(out: &mut Vec<u8>, span: &Span) {
    if !span.scope.name.is_empty() {
        text_tag(out, "otel.scope.name", &span.scope.name);
    }
    if !span.scope.version.is_empty() {
        text_tag(out, "otel.scope.version", &span.scope.version);
    }
    for attribute in span.attributes.iter().filter(|a| !is_warnings(a)) {
        tag(out, attribute);
    }
    if span.kind != SpanKind::UNSPECIFIED && !span.kind.name().is_empty() {
        text_tag(out, "span.kind", span.kind.name());
    }
    match span.status_code {
        StatusCode::ERROR => {
            text_tag(out, "otel.status_code", "ERROR");
            out.extend_from_slice(b"{\"key\":\"error\",\"type\":\"bool\",\"value\":true},");
        }
        StatusCode::OK => text_tag(out, "otel.status_code", "OK"),
        _ => {}
    }
    if !span.status_message.is_empty() {
        text_tag(out, "otel.status_description", &span.status_message);
    }
    if !span.trace_state.is_empty() {
        text_tag(out, "w3c.tracestate", &span.trace_state);
    }
    close_list(out);
}

fn log(out: &mut Vec<u8>, event: &Event) {
    out.extend_from_slice(b"{\"timestamp\":");
    json::unsigned(out, micros(event.time));
    out.extend_from_slice(b",\"fields\":[");
    if !event.name.is_empty() && find(&event.attributes, "event").is_none() {
        text_tag(out, "event", &event.name);
    }
    for attribute in &event.attributes {
        tag(out, attribute);
    }
    close_list(out);
    out.extend_from_slice(b"},");
}

/// The attribute holds warnings if it is an array; anything else under its key is an ordinary tag.
fn is_warnings(attribute: &Attribute) -> bool {
    &*attribute.key == WARNINGS && matches!(attribute.value, AttrValue::Array(_))
}

fn warnings(out: &mut Vec<u8>, span: &Span) {
    let stored = span.attributes.iter().find(|a| is_warnings(a));
    match stored.map(|attribute| &attribute.value) {
        Some(AttrValue::Array(texts)) if !texts.is_empty() => {
            out.push(b'[');
            for text in texts {
                json::string(out, &text.to_text());
                out.push(b',');
            }
            close_list(out);
        }
        _ => out.extend_from_slice(b"null"),
    }
}
