//! The store: spans of each tenant in the order in which they came.

use super::answer::answer;
use crate::contract::{AnswerStream, BatchWrite, QueryContext, QueryError, SpanSink, SpanSource, WriteError};
use crate::ids::{RequestId, TenantId};
use crate::otlp::decode;
use crate::query::Plan;
use crate::span::Span;
use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use parking_lot::RwLock;
use std::collections::{HashMap, HashSet};

/// Spans in memory, for as long as the value lives. Remembers request ids forever.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tenants: RwLock<HashMap<TenantId, Tenant>>,
}

#[derive(Debug, Default)]
struct Tenant {
    requests: HashSet<RequestId>,
    spans: Vec<Span>,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl SpanSink for MemoryStore {
    async fn write(&self, batch: BatchWrite) -> Result<(), WriteError> {
        let spans = decode::spans(&batch.otlp).map_err(|e| WriteError::Invalid(e.to_string()))?;
        let mut tenants = self.tenants.write();
        let tenant = tenants.entry(batch.tenant).or_default();
        if tenant.requests.insert(batch.request_id) {
            tenant.spans.extend(spans);
        }
        Ok(())
    }
}

#[async_trait]
impl SpanSource for MemoryStore {
    async fn query(&self, plan: Plan, context: QueryContext) -> Result<AnswerStream, QueryError> {
        context.check()?;
        let tenants = self.tenants.read();
        let spans = tenants
            .get(&plan.tenant)
            .map(|tenant| tenant.spans.as_slice())
            .unwrap_or_default();
        let whole = answer(&plan, spans, &context)?;
        Ok(stream::once(async move { Ok(whole) }).boxed())
    }
}
