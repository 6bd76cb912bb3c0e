//! The contract of writing.

use super::WriteError;
use crate::ids::{RequestId, TenantId};
use async_trait::async_trait;
use bytes::Bytes;

/// One validated client request on its way to storage.
#[derive(Clone, Debug)]
pub struct BatchWrite {
    pub tenant: TenantId,
    /// A request id that was accepted within the last hour is acknowledged again and not stored again.
    pub request_id: RequestId,
    /// An OTLP `ExportTraceServiceRequest` (equally `TracesData`) in protobuf. Every span in it is
    /// well formed, has valid ids and lies in the time window: whoever writes has validated it.
    pub otlp: Bytes,
}

/// Takes spans. After `Ok` they survive the kill of the process and every query sees them.
#[async_trait]
pub trait SpanSink: Send + Sync + 'static {
    /// Writes a whole batch or nothing.
    async fn write(&self, batch: BatchWrite) -> Result<(), WriteError>;
}
