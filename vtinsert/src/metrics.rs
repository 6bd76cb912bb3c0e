//! What the receivers count, under VictoriaTraces' names where it has them. Handles are made once: the recorder must
//! be installed before the receivers are built.

use crate::otlp::validate::{Reason, Rejections};
use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use std::time::Duration;

/// Counts of one protocol.
pub(crate) struct ProtocolMetrics {
    requests: Counter,
    rows: Counter,
    bytes: Counter,
}

/// Counts of one path, whatever the protocol.
pub(crate) struct PathMetrics {
    errors: Counter,
    duration: Histogram,
}

/// Rejected spans by reason.
pub(crate) struct DropMetrics(Vec<(Reason, Counter)>);

impl ProtocolMetrics {
    /// `kind` is the label `type` of rows and bytes; `format` that of requests.
    pub(crate) fn new(path: &'static str, kind: &'static str, format: &'static str) -> Self {
        Self {
            requests: counter!("vt_http_requests_total", "path" => path, "format" => format),
            rows: counter!("vt_rows_ingested_total", "type" => kind),
            bytes: counter!("vt_bytes_ingested_total", "type" => kind),
        }
    }

    pub(crate) fn request(&self) {
        self.requests.increment(1);
    }

    /// `bytes` are those of the request after decompression.
    pub(crate) fn ingested(&self, spans: u64, bytes: u64) {
        self.rows.increment(spans);
        self.bytes.increment(bytes);
    }
}

impl PathMetrics {
    pub(crate) fn new(path: &'static str) -> Self {
        Self {
            errors: counter!("vt_http_errors_total", "path" => path),
            duration: histogram!("vt_http_request_duration_seconds", "path" => path),
        }
    }

    pub(crate) fn answered(&self, took: Duration, is_error: bool) {
        self.duration.record(took.as_secs_f64());
        self.errors.increment(u64::from(is_error));
    }
}

impl DropMetrics {
    pub(crate) fn new() -> Self {
        let counter = |reason: Reason| (reason, counter!("vt_rows_dropped_total", "reason" => reason.label()));
        Self(Reason::all().map(counter).collect())
    }

    pub(crate) fn add(&self, rejections: &Rejections) {
        for (_, reason, spans) in rejections.iter() {
            if let Some((_, counter)) = self.0.iter().find(|(of, _)| *of == reason) {
                counter.increment(spans);
            }
        }
    }
}

/// Says what the metrics mean.
pub(crate) fn describe() {
    describe_counter!("vt_rows_ingested_total", "spans stored and acknowledged");
    describe_counter!(
        "vt_bytes_ingested_total",
        Unit::Bytes,
        "request bodies stored, after decompression"
    );
    describe_counter!(
        "vt_rows_dropped_total",
        "spans rejected, told to the client as partial success"
    );
    describe_counter!("vt_http_requests_total", "requests");
    describe_counter!("vt_http_errors_total", "requests answered with an error");
    describe_histogram!(
        "vt_http_request_duration_seconds",
        Unit::Seconds,
        "time from a request's head to its answer"
    );
    describe_gauge!("vt_concurrent_insert_current", "insert requests at work");
    describe_gauge!(
        "vt_concurrent_insert_capacity",
        "insert requests that may be at work at a time"
    );
    describe_gauge!(
        "vt_insert_bytes_in_flight",
        Unit::Bytes,
        "memory reserved by insert requests"
    );
    describe_counter!(
        "vt_concurrent_insert_limit_reached_total",
        "insert requests that had to wait for a limit"
    );
    describe_counter!(
        "vt_concurrent_insert_limit_timeout_total",
        "insert requests refused after waiting for a limit"
    );
}
