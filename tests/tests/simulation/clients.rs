//! Insert and select hosts: the production sink and source, with clients that write, retry, read and check.

use super::dice::Dice;
use super::record::{Identity, Record};
use super::view::View;
use super::wire::Wire;
use bytes::Bytes;
use common::cluster::ClusterView as _;
use common::contract::{BatchWrite, QueryContext, QueryError, SpanSink as _, SpanSource, WriteError};
use common::ids::{Epoch, RequestId, SpanId, TenantId, TraceId};
use common::query::{Answer, Filter, Plan, Projection, RowOrder, RowPart, RowsQuery, Shape};
use common::span::Span;
use common::time::TimeRange;
use futures::StreamExt as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan};
use parking_lot::Mutex;
use prost::Message as _;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use vtinsert::cluster::{ReplicatedSink, ReplicationConfig};
use vtselect::query::cluster::ClusterSource;

pub const TENANT: TenantId = TenantId(0);
/// For so long after another placement came up, a sink may write by the one before: a bit longer than it does.
const UNSETTLED: Duration = Duration::from_secs(3);
const WRITERS: u64 = 3;
/// Longer than any query may take.
const PATIENCE: Duration = Duration::from_secs(30);
const MEMORY: usize = 1 << 30;

/// A request of a client.
#[derive(Clone)]
struct Request {
    batch: BatchWrite,
    spans: Vec<Identity>,
    /// The first and the last epoch that it may have been written under so far
    placed: Option<(Epoch, Epoch)>,
}

impl Request {
    /// Six spans of three traces, which they share with the request before or after.
    fn new(seed: u64, number: u64) -> Self {
        let span = |n: u64| OtlpSpan {
            trace_id: trace_id(seed, number / 2 * 3 + n % 3).0.to_vec(),
            span_id: (number * 10 + n + 1).to_be_bytes().to_vec(),
            name: format!("span {n}"),
            ..OtlpSpan::default()
        };
        let spans: Vec<OtlpSpan> = (0..6).map(span).collect();
        let identity = |n: u64| {
            let trace = trace_id(seed, number / 2 * 3 + n % 3);
            (trace, SpanId((number * 10 + n + 1).to_be_bytes()))
        };
        let otlp = encoded(spans);
        Self {
            batch: BatchWrite {
                tenant: TENANT,
                request_id: RequestId::of(TENANT, &otlp),
                otlp,
            },
            spans: (0..6).map(identity).collect(),
            placed: None,
        }
    }

    /// It is sent, and may be written under these epochs. Whether it was sent before, and maybe under others.
    fn sent(&mut self, (first, last): (Epoch, Epoch)) -> bool {
        let before = self.placed;
        let (from, to) = before.unwrap_or((first, last));
        let placed = (from.min(first), to.max(last));
        self.placed = Some(placed);
        before.is_some() && placed.0 < placed.1
    }
}

/// The placement that an insert host goes by.
#[derive(Default)]
struct Placed {
    /// The newest epoch, and since when it is known here
    newest: Option<(Epoch, Instant)>,
}

impl Placed {
    /// The epochs that something sent now may be written under.
    fn look(&mut self, view: &View) -> (Epoch, Epoch) {
        let epoch = view.state().map_or(Epoch(0), |state| state.epoch);
        let known = self.newest.filter(|(newest, _)| *newest == epoch);
        let (_, since) = *self.newest.insert(known.unwrap_or((epoch, Instant::now())));
        // There is none before the first.
        let settled = epoch <= Epoch(1) || since.elapsed() > UNSETTLED;
        (if settled { epoch } else { Epoch(0) }, epoch)
    }
}

fn encoded(spans: Vec<OtlpSpan>) -> Bytes {
    let scope = ScopeSpans {
        spans,
        ..ScopeSpans::default()
    };
    let group = ResourceSpans {
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![group],
    };
    Bytes::from(request.encode_to_vec())
}

/// Spans such as clients send, as a message.
pub fn message_of(spans: &[&Span]) -> Bytes {
    let span = |span: &&Span| OtlpSpan {
        trace_id: span.trace_id.0.to_vec(),
        span_id: span.span_id.0.to_vec(),
        name: span.name.to_string(),
        ..OtlpSpan::default()
    };
    encoded(spans.iter().map(span).collect())
}

fn trace_id(seed: u64, number: u64) -> TraceId {
    TraceId((u128::from(seed) << 64 | u128::from(number + 1)).to_be_bytes())
}

#[derive(Default)]
struct Queue {
    /// Requests that were sent and failed: any insert host may be asked next
    again: VecDeque<Request>,
    next: u64,
    under_way: usize,
    ended: bool,
}

/// What clients have to write, over all insert hosts.
#[derive(Clone)]
pub struct Load {
    seed: u64,
    queue: Arc<Mutex<Queue>>,
    record: Record,
}

/// A request under way. If its host crashes, a client asks another one.
struct UnderWay<'a> {
    load: &'a Load,
    request: Option<Request>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut queue = self.load.queue.lock();
        queue.under_way -= 1;
        queue.again.extend(self.request.take());
    }
}

impl Load {
    pub fn new(seed: u64, record: Record) -> Self {
        Self {
            seed,
            queue: Arc::default(),
            record,
        }
    }

    /// From now on there is nothing new to write.
    pub fn end(&self) {
        self.queue.lock().ended = true;
    }

    /// Whether everything that was sent is acknowledged, and nothing new comes.
    pub fn is_written(&self) -> bool {
        let queue = self.queue.lock();
        queue.ended && queue.under_way == 0 && queue.again.is_empty()
    }

    /// The next request, which may be written under these epochs.
    fn take(&self, epochs: (Epoch, Epoch)) -> Option<UnderWay<'_>> {
        let mut queue = self.queue.lock();
        let mut request = match queue.again.pop_front() {
            Some(again) => again,
            None if queue.ended => return None,
            None => {
                queue.next += 1;
                let request = Request::new(self.seed, queue.next);
                self.record.sent(&request.spans);
                request
            }
        };
        if request.sent(epochs) {
            self.record.sent_anew(&request.spans);
        }
        queue.under_way += 1;
        Some(UnderWay {
            load: self,
            request: Some(request),
        })
    }

    async fn write(&self, sink: &ReplicatedSink, view: &View, placed: &Mutex<Placed>) {
        let epochs = placed.lock().look(view);
        let Some(mut under_way) = self.take(epochs) else {
            return;
        };
        let Some(request) = under_way.request.clone() else {
            return;
        };
        match sink.write(request.batch).await {
            Ok(()) => {
                under_way.request = None;
                self.record.acknowledged(&request.spans);
            }
            Err(WriteError::Invalid(why)) => self
                .record
                .break_rule(format!("a request is refused as invalid: {why}")),
            Err(_) => {
                self.record.write_failed();
                sleep(Duration::from_millis(300)).await;
            }
        }
    }
}

/// An insert host with its clients.
pub async fn insert(load: Load, wire: Wire, addrs: Vec<String>, dice: Dice) -> turmoil::Result {
    let view = View::start(wire, addrs);
    view.first().await;
    let sink = Arc::new(ReplicatedSink::new(view.clone(), &ReplicationConfig::default()));
    let placed = Arc::new(Mutex::new(Placed::default()));
    let writer = |n| {
        let (load, sink, view, mut dice) = (load.clone(), sink.clone(), view.clone(), dice.clone());
        let placed = placed.clone();
        (0..n).for_each(|_| _ = dice.next());
        async move {
            loop {
                load.write(&sink, &view, &placed).await;
                sleep(dice.millis(20, 150)).await;
            }
        }
    };
    futures::future::join_all((1..=WRITERS).map(writer)).await;
    Ok(())
}

/// A select host with a client.
pub async fn select(who: String, record: Record, wire: Wire, addrs: Vec<String>, mut dice: Dice) -> turmoil::Result {
    let view = View::start(wire, addrs);
    view.first().await;
    let source = ClusterSource::new(view);
    loop {
        read(&who, &record, &source, dice.below(3) > 0).await;
        sleep(dice.millis(50, 400)).await;
    }
}

async fn read(who: &str, record: &Record, source: &ClusterSource, allow_partial: bool) {
    let (due, context) = (record.due(), QueryContext::new(PATIENCE, MEMORY));
    context.allow_partial(allow_partial);
    match timeout(PATIENCE, found(source, context.clone())).await {
        Ok(Ok(spans)) => record.answered(who, &due, &spans, context.is_partial()),
        Ok(Err(QueryError::Unavailable(_))) => record.refused(),
        Ok(Err(error)) => record.break_rule(format!("{who} got an error: {error}")),
        Err(_) => record.break_rule(format!("{who} waited for an answer for {PATIENCE:?}")),
    }
}

/// Every span that there is.
async fn found(source: &ClusterSource, context: QueryContext) -> Result<Vec<Span>, QueryError> {
    let plan = Plan {
        tenant: TENANT,
        range: TimeRange::ALL,
        filter: Filter::All,
        shape: Shape::Rows(RowsQuery {
            projection: Projection::Spans,
            order: RowOrder::Any,
            limit: None,
        }),
    };
    let (mut answers, mut spans) = (source.query(plan, context).await?, Vec::new());
    while let Some(answer) = answers.next().await {
        let Answer::Rows { parts, .. } = answer? else {
            return Err(QueryError::Storage("an answer of another shape".into()));
        };
        spans.extend(parts.into_iter().flat_map(|part| match part {
            RowPart::Spans(spans) => spans,
            RowPart::Columns(_) => Vec::new(),
        }));
    }
    Ok(spans)
}
