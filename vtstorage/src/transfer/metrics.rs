//! Transfers in the node's metrics.

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};

/// Of the node as a target, and of what it drops.
pub(super) struct TransferMetrics {
    pub(super) running: Gauge,
    pub(super) bytes: Counter,
    pub(super) spans: Counter,
    pub(super) completed: Counter,
    pub(super) failures: Counter,
    pub(super) dropped: Counter,
    pub(super) refilled: Counter,
    pub(super) repair_failures: Counter,
}

impl TransferMetrics {
    pub(super) fn new() -> Self {
        describe_gauge!("vt_transfers", "Transfers to this node that are under way");
        describe_counter!("vt_transfer_bytes_total", "Bytes fetched by transfers, compressed");
        describe_counter!("vt_transfer_spans_total", "Spans that this node became a replica of");
        describe_counter!(
            "vt_transfers_completed_total",
            "Transfers to this node that were completed"
        );
        describe_counter!("vt_transfer_failures_total", "Attempts of transfers that failed");
        describe_counter!(
            "vt_transfer_dropped_spans_total",
            "Spans dropped because other nodes are their replicas now"
        );
        describe_counter!(
            "vt_refilled_spans_total",
            "Spans fetched from replicas because they were damaged here"
        );
        describe_counter!("vt_repair_failures_total", "Attempts to repair damage that failed");
        Self {
            refilled: counter!("vt_refilled_spans_total"),
            repair_failures: counter!("vt_repair_failures_total"),
            running: gauge!("vt_transfers"),
            bytes: counter!("vt_transfer_bytes_total"),
            spans: counter!("vt_transfer_spans_total"),
            completed: counter!("vt_transfers_completed_total"),
            failures: counter!("vt_transfer_failures_total"),
            dropped: counter!("vt_transfer_dropped_spans_total"),
        }
    }
}
