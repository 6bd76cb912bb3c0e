//! Traces as Jaeger's v1 JSON, written straight from spans.
//!
//! The mapping is that of the OpenTelemetry Collector's Jaeger translator: fields of OTLP that Jaeger lacks become
//! tags (`otel.scope.name`, `span.kind`, `otel.status_code`, `error`, `otel.status_description`, `w3c.tracestate`),
//! links become references, events become logs. Lost, because the form has no place for them: scope attributes,
//! schema URLs, dropped counts, flags, attributes and state of links, times below a microsecond.

mod process;
mod span;
#[cfg(test)]
mod tests;
mod value;

use super::envelope::{PARTIAL, close_list};
use super::ids::write_trace_id;
use crate::http::json;
use common::ids::TraceId;
use common::span::Span;
use process::ProcessTable;

/// Bytes that a span takes at a guess, to grow the buffer rarely.
const BYTES_PER_SPAN: usize = 1_200;

/// Attribute under which Jaeger keeps the warnings of a span: an array of texts.
pub(crate) const WARNINGS: &str = "@jaeger@warnings";

/// Writes the traces of one answer. Processes are written once per resource, whatever the number of traces.
pub(crate) struct TraceWriter<'a> {
    processes: ProcessTable<'a>,
    partial: bool,
}

impl<'a> TraceWriter<'a> {
    /// `sort_processes` orders the tags of processes by key; traces of a `partial` answer bear a warning.
    pub(crate) fn new(sort_processes: bool, partial: bool) -> Self {
        Self {
            partial,
            processes: ProcessTable::new(sort_processes),
        }
    }

    /// Appends one trace object.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, id: TraceId, spans: &'a [Span]) {
        let mut trace_id = Vec::with_capacity(32);
        write_trace_id(&mut trace_id, id);
        out.reserve(spans.len() * BYTES_PER_SPAN);
        out.extend_from_slice(b"{\"traceID\":\"");
        out.extend_from_slice(&trace_id);
        out.extend_from_slice(b"\",\"spans\":[");
        self.processes.begin_trace();
        for span in spans {
            let process = self.processes.number_of(&span.resource);
            span::write(out, span, &trace_id, process);
            out.push(b',');
        }
        close_list(out);
        out.extend_from_slice(b",\"processes\":{");
        self.processes.write(out);
        out.extend_from_slice(b"},\"warnings\":");
        if self.partial {
            out.push(b'[');
            json::string(out, PARTIAL);
            out.extend_from_slice(b"]}");
        } else {
            out.extend_from_slice(b"null}");
        }
    }
}
