//! A store in one of its states, with short ways to write and ask.

use super::otlp::encode;
use super::store::Store;
use bytes::Bytes;
use common::contract::{BatchWrite, QueryContext, QueryError, WriteError, collect};
use common::ids::{RequestId, TenantId, TraceId};
use common::query::{Answer, CatalogueQuery, Filter, Order, Plan, Shape};
use common::span::{Span, Trace};
use common::time::TimeRange;
use common::value::Attribute;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// When written spans are moved to where they rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Never: queries see them where they arrive.
    Head,
    /// After each write.
    BlockPerWrite,
    /// After all writes, before the first query.
    OneBlock,
    /// After every second write: one part rests, one does not.
    Mixed,
}

impl Mode {
    pub const ALL: [Self; 4] = [Self::Head, Self::BlockPerWrite, Self::OneBlock, Self::Mixed];
}

/// The tenant of cases that need only one.
pub const TENANT: TenantId = TenantId(7 << 32 | 3);

/// A store under test in one mode.
pub struct Bench {
    pub store: Store,
    mode: Mode,
    writes: AtomicUsize,
    unsettled: AtomicBool,
}

impl Bench {
    pub fn new(store: Store, mode: Mode) -> Self {
        Self {
            store,
            mode,
            writes: AtomicUsize::new(0),
            unsettled: AtomicBool::new(false),
        }
    }

    /// Writes one request with these spans.
    pub async fn write(&self, spans: &[Span]) {
        self.write_as(TENANT, spans).await;
    }

    pub async fn write_as(&self, tenant: TenantId, spans: &[Span]) {
        self.send(tenant, encode(spans))
            .await
            .expect("the store accepts valid spans");
    }

    /// Writes bytes as they are, under the request id that a receiver gives them.
    pub async fn send(&self, tenant: TenantId, otlp: Bytes) -> Result<(), WriteError> {
        let request_id = RequestId::of(tenant, &otlp);
        self.store
            .sink
            .write(BatchWrite {
                tenant,
                request_id,
                otlp,
            })
            .await?;
        self.unsettled.store(true, Ordering::Relaxed);
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        match self.mode {
            Mode::BlockPerWrite => self.store.settle().await,
            Mode::Mixed if number.is_multiple_of(2) => self.store.settle().await,
            _ => {}
        }
        Ok(())
    }

    pub async fn try_ask(&self, plan: Plan, context: QueryContext) -> Result<Answer, QueryError> {
        if self.mode == Mode::OneBlock && self.unsettled.swap(false, Ordering::Relaxed) {
            self.store.settle().await;
        }
        collect(&*self.store.source, plan, context).await
    }

    pub async fn ask(&self, plan: Plan) -> Answer {
        let told = format!("{plan:?}");
        let answer = self.try_ask(plan, QueryContext::unlimited()).await;
        answer.unwrap_or_else(|e| panic!("{e}: {told}"))
    }

    /// Whole traces, in the order of the answer.
    pub async fn traces(&self, plan: Plan) -> Vec<Trace> {
        match self.ask(plan).await {
            Answer::Traces { found, .. } => found.into_iter().map(|found| found.trace).collect(),
            other => panic!("traces were asked for, got {other:?}"),
        }
    }

    pub async fn by_id(&self, ids: &[TraceId]) -> Vec<Trace> {
        self.traces(Plan::traces_by_id(TENANT, ids.to_vec())).await
    }

    /// Numbers of the traces that match, newest first.
    pub async fn find(&self, filter: Filter) -> Vec<u128> {
        self.find_in(filter, TimeRange::ALL).await
    }

    pub async fn find_in(&self, filter: Filter, range: TimeRange) -> Vec<u128> {
        numbers(&self.traces(search(filter, range, 1_000, Order::Newest)).await)
    }

    pub async fn catalogue(&self, query: CatalogueQuery) -> Answer {
        self.ask(Plan::catalogue(TENANT, query)).await
    }
}

/// A search by the usual tenant.
pub fn search(filter: Filter, range: TimeRange, limit: usize, order: Order) -> Plan {
    Plan {
        tenant: TENANT,
        range,
        filter,
        shape: Shape::Search { limit, order },
    }
}

/// The ids of traces as the numbers they were made from.
pub fn numbers(traces: &[Trace]) -> Vec<u128> {
    traces
        .iter()
        .map(|trace| u128::from_be_bytes(trace.trace_id.0))
        .collect()
}

/// Equality of spans in all fields; a NaN equals itself. Attributes of one level are a set: a store may reorder them,
/// but for occurrences of the same key.
pub fn assert_same_spans(got: &[Span], expected: &[Span]) {
    assert_eq!(got.len(), expected.len(), "number of spans");
    for (got, expected) in got.iter().zip(expected) {
        let (got, expected) = (normal(got), normal(expected));
        if got != expected {
            let differing = got.lines().zip(expected.lines()).find(|(a, b)| a != b);
            panic!("spans differ first at {differing:?}\ngot {got:.6000}\nexpected {expected:.6000}");
        }
    }
}

/// All of a span as text, attributes by key.
fn normal(span: &Span) -> String {
    let mut span = span.clone();
    let sort = |attributes: &mut Vec<Attribute>| attributes.sort_by(|a, b| a.key.cmp(&b.key));
    sort(&mut span.attributes);
    sort(&mut Arc::make_mut(&mut span.resource).attributes);
    sort(&mut Arc::make_mut(&mut span.scope).attributes);
    span.events.iter_mut().for_each(|event| sort(&mut event.attributes));
    span.links.iter_mut().for_each(|link| sort(&mut link.attributes));
    format!("{span:#?}")
}
