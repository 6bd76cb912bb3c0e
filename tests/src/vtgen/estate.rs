//! Traces of a shop of some services: what calls what, with attributes, errors and events as instrumentations make them.

use crate::load::{Random, attribute};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use std::collections::BTreeMap;

/// A service, its operations, and the services that it calls.
struct Service {
    name: &'static str,
    operations: &'static [&'static str],
    calls: &'static [usize],
}

const ESTATE: &[Service] = &[
    Service {
        name: "gateway",
        operations: &["GET /", "GET /products/{id}", "POST /orders"],
        calls: &[1, 2, 3],
    },
    Service {
        name: "catalogue",
        operations: &["list products", "get product"],
        calls: &[6, 7],
    },
    Service {
        name: "cart",
        operations: &["get cart", "add item"],
        calls: &[7],
    },
    Service {
        name: "checkout",
        operations: &["place order"],
        calls: &[2, 4, 5, 6],
    },
    Service {
        name: "payment",
        operations: &["charge card"],
        calls: &[],
    },
    Service {
        name: "shipping",
        operations: &["quote", "ship"],
        calls: &[6],
    },
    Service {
        name: "postgres",
        operations: &["SELECT", "INSERT", "UPDATE"],
        calls: &[],
    },
    Service {
        name: "redis",
        operations: &["GET", "SET"],
        calls: &[],
    },
];
const DEEPEST: u32 = 5;

/// Ids of a trace, and how many spans it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) trace: u128,
    pub(super) spans: u64,
}

/// A trace that is being made.
struct Trace<'r> {
    id: u128,
    random: &'r mut Random,
    by_service: BTreeMap<usize, Vec<Span>>,
    spans: u64,
}

/// A request with whole traces of about `spans` spans together, which end by `now`.
pub(super) fn request(random: &mut Random, spans: u64, now: u64) -> (ExportTraceServiceRequest, Vec<Made>) {
    let (mut all, mut made) = (BTreeMap::<usize, Vec<Span>>::new(), Vec::new());
    let mut count = 0;
    while count < spans {
        let id = (u128::from(random.below(u64::MAX)) << 64) | u128::from(random.below(u64::MAX)) | 1;
        let mut trace = Trace {
            id,
            random,
            by_service: BTreeMap::new(),
            spans: 0,
        };
        trace.call(0, Vec::new(), (now.saturating_sub(500_000_000), 400_000_000), DEEPEST);
        made.push(Made {
            trace: id,
            spans: trace.spans,
        });
        count += trace.spans;
        for (service, spans) in trace.by_service {
            all.entry(service).or_default().extend(spans);
        }
    }
    let resource_spans = all
        .into_iter()
        .map(|(service, spans)| of_service(&ESTATE[service], spans))
        .collect();
    (ExportTraceServiceRequest { resource_spans }, made)
}

fn of_service(service: &Service, spans: Vec<Span>) -> ResourceSpans {
    let resource = Resource {
        attributes: vec![
            attribute("service.name", Value::StringValue(service.name.into())),
            attribute("service.version", Value::StringValue("1.4.2".into())),
            attribute("deployment.environment.name", Value::StringValue("load".into())),
        ],
        ..Resource::default()
    };
    ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![ScopeSpans {
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

impl Trace<'_> {
    /// A span of a service within `(start, nanoseconds)`, and below it those of the services that it calls.
    fn call(&mut self, service: usize, parent: Vec<u8>, (start, length): (u64, u64), depth: u32) {
        let about = &ESTATE[service];
        let id = (self.random.below(u64::MAX) | 1).to_be_bytes().to_vec();
        let took = length / 4 + self.random.below(length / 2 + 1);
        let failed = self.random.below(50) == 0;
        let span = self.span(about, id.clone(), parent, (start, took), failed);
        self.by_service.entry(service).or_default().push(span);
        self.spans += 1;
        let calls: Vec<usize> = about
            .calls
            .iter()
            .copied()
            .filter(|_| depth > 0 && self.random.below(4) > 0)
            .collect();
        let share = took / (calls.len() as u64 + 1);
        for (n, called) in calls.into_iter().enumerate() {
            self.call(called, id.clone(), (start + share * n as u64, share), depth - 1);
        }
    }

    fn span(&mut self, about: &Service, id: Vec<u8>, parent: Vec<u8>, (start, took): (u64, u64), failed: bool) -> Span {
        let (status, kind) = match about.calls.is_empty() {
            true => (0, SpanKind::Client),
            false => (if failed { 500 } else { 200 }, SpanKind::Server),
        };
        let mut attributes = vec![
            attribute("thread.id", Value::IntValue(self.random.below(64) as i64)),
            attribute(
                "enduser.id",
                Value::StringValue(format!("user-{}", self.random.below(5_000))),
            ),
            attribute(
                "peer.address",
                Value::StringValue(format!("10.0.{}.7", self.random.below(16))),
            ),
            attribute("cache.hit", Value::BoolValue(self.random.below(3) > 0)),
        ];
        if status > 0 {
            attributes.push(attribute("http.response.status_code", Value::IntValue(status)));
        }
        Span {
            trace_id: self.id.to_be_bytes().to_vec(),
            span_id: id,
            parent_span_id: parent,
            name: self.random.one_of(about.operations).into(),
            kind: kind as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: start + took,
            attributes,
            events: failed.then(|| exception(start + took / 2)).into_iter().collect(),
            status: Some(Status {
                code: if failed { 2 } else { 0 },
                ..Status::default()
            }),
            ..Span::default()
        }
    }
}

fn exception(at: u64) -> Event {
    Event {
        time_unix_nano: at,
        name: "exception".into(),
        attributes: vec![
            attribute("exception.type", Value::StringValue("TimeoutError".into())),
            attribute(
                "exception.message",
                Value::StringValue("no answer within 250 ms".into()),
            ),
        ],
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn traces_are_whole_and_come_again_from_the_same_seed() {
        let (request, made) = super::request(&mut Random::new(7), 300, 1 << 60);
        let spans: Vec<&Span> = request
            .resource_spans
            .iter()
            .flat_map(|r| &r.scope_spans[0].spans)
            .collect();
        assert_eq!(spans.len() as u64, made.iter().map(|trace| trace.spans).sum::<u64>());
        assert!(spans.len() >= 300 && made.len() > 10 && request.resource_spans.len() == ESTATE.len());
        let ids: HashSet<(&[u8], &[u8])> = spans.iter().map(|s| (&s.trace_id[..], &s.span_id[..])).collect();
        assert_eq!(ids.len(), spans.len());
        for span in &spans {
            let parent = (&span.trace_id[..], &span.parent_span_id[..]);
            assert!(
                span.parent_span_id.is_empty() || ids.contains(&parent),
                "a parent is in the trace"
            );
            assert!(span.end_time_unix_nano >= span.start_time_unix_nano && span.end_time_unix_nano <= 1 << 60);
        }
        assert_eq!(super::request(&mut Random::new(7), 300, 1 << 60), (request, made));
    }
}
