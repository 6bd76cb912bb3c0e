//! The sink over a cluster in memory whose nodes fail.

mod faults;
pub(super) mod memory;
mod random;

use super::{ReplicatedSink, ReplicationConfig};
use bytes::Bytes;
use common::contract::BatchWrite;
use common::ids::{RequestId, TenantId};
use memory::MemoryCluster;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::sync::Arc;

fn sink(cluster: &Arc<MemoryCluster>) -> ReplicatedSink {
    ReplicatedSink::new(cluster.clone(), &ReplicationConfig::default())
}

/// Spans of `traces` traces, different for each `seed`.
fn batch(seed: u64, traces: u64) -> BatchWrite {
    sized(seed, traces, 0)
}

/// The same, with names of `size` bytes.
fn sized(seed: u64, traces: u64, size: usize) -> BatchWrite {
    let span = |n: u64| Span {
        trace_id: (u128::from(seed) << 64 | u128::from(n / 2)).to_be_bytes().to_vec(),
        span_id: (n + 1).to_be_bytes().to_vec(),
        name: "n".repeat(size),
        ..Span::default()
    };
    let scope = ScopeSpans {
        spans: (0..traces * 2).map(span).collect(),
        ..ScopeSpans::default()
    };
    let group = ResourceSpans {
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![group],
    };
    let otlp = Bytes::from(request.encode_to_vec());
    BatchWrite {
        tenant: TenantId::default(),
        request_id: RequestId::of(TenantId::default(), &otlp),
        otlp,
    }
}
