//! What writing to a cluster counts. Handles are made once: the recorder must be installed before.

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};

/// Counts of one storage node.
pub(super) struct NodeMetrics {
    pub messages: Counter,
    pub bytes: Counter,
    pub errors: Counter,
    pub in_flight: Gauge,
    pub up: Gauge,
    pub hints: Counter,
}

impl NodeMetrics {
    /// `node` is the node's address.
    pub(super) fn new(node: &str) -> Self {
        let node = || node.to_owned();
        let metrics = Self {
            messages: counter!("vt_insert_node_messages_total", "node" => node()),
            bytes: counter!("vt_insert_node_bytes_total", "node" => node()),
            errors: counter!("vt_insert_node_errors_total", "node" => node()),
            in_flight: gauge!("vt_insert_node_in_flight_bytes", "node" => node()),
            up: gauge!("vt_insert_node_up", "node" => node()),
            hints: counter!("vt_insert_hint_bytes_total", "node" => node()),
        };
        metrics.up.set(1.0);
        metrics
    }
}

/// Counts of all writes.
pub(super) struct WriteMetrics {
    pub hinted: Counter,
    pub under_replicated: Counter,
    pub placed_anew: Counter,
    pub marks: Counter,
}

impl WriteMetrics {
    pub(super) fn new() -> Self {
        describe();
        Self {
            hinted: counter!("vt_insert_hinted_requests_total"),
            under_replicated: counter!("vt_insert_under_replicated_requests_total"),
            placed_anew: counter!("vt_insert_stale_epoch_requests_total"),
            marks: counter!("vt_insert_marks_total"),
        }
    }
}

fn describe() {
    describe_counter!(
        "vt_insert_node_messages_total",
        "messages with spans stored by a storage node"
    );
    describe_counter!(
        "vt_insert_node_bytes_total",
        Unit::Bytes,
        "compressed spans stored by a storage node"
    );
    describe_counter!(
        "vt_insert_node_errors_total",
        "messages with spans that a storage node did not store"
    );
    describe_gauge!(
        "vt_insert_node_in_flight_bytes",
        Unit::Bytes,
        "compressed spans under way to a storage node"
    );
    describe_gauge!(
        "vt_insert_node_up",
        "1 while a storage node answers, 0 while it is only probed"
    );
    describe_counter!(
        "vt_insert_hint_bytes_total",
        Unit::Bytes,
        "compressed hints kept by a storage node"
    );
    describe_counter!(
        "vt_insert_hinted_requests_total",
        "requests acknowledged with a hint for a node that was away"
    );
    describe_counter!(
        "vt_insert_under_replicated_requests_total",
        "requests acknowledged with fewer copies than the replication factor, because too few nodes were in sync"
    );
    describe_counter!(
        "vt_insert_stale_epoch_requests_total",
        "requests placed anew because their epoch was closed"
    );
    describe_counter!("vt_insert_marks_total", "out-of-sync marks asked for");
}
