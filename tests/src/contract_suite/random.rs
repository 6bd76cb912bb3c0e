//! Random spans and plans over a small world, so that plans often match something.

use super::bench::TENANT;
use super::spans::{SECOND, attr, bytes, midnight, span_id, trace_id};
use common::ids::{SpanId, TraceId};
use common::query::{
    AttrLevel, CatalogueQuery, Column, EventField, Filter, LinkField, Order, Plan, Predicate, Shape, SpanField,
    TextMatch,
};
use common::span::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode};
use common::time::{NANOS_PER_DAY, TimeRange, UnixNanos};
use common::value::{AttrValue, Attribute};
use std::sync::Arc;

/// SplitMix64: small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound.max(1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// The source of spans that make up one store's contents: each has an id of its own, so that spans of the same
/// identity are equal in everything and a parent's id means one span.
#[derive(Clone, Debug)]
pub struct World {
    pub random: Random,
    members: Vec<(TraceId, SpanId)>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            members: Vec::new(),
        }
    }

    /// Spans of one request: parents within the trace or nowhere, now and then the same span again.
    pub fn spans(&mut self, count: u64) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut resource = Arc::new(random_resource(&mut self.random));
        let mut scope = Arc::new(random_scope(&mut self.random));
        while (spans.len() as u64) < count {
            if self.random.chance(20) {
                resource = Arc::new(random_resource(&mut self.random));
            }
            if self.random.chance(20) {
                scope = Arc::new(random_scope(&mut self.random));
            }
            let span = match spans.last() {
                Some(last) if self.random.chance(3) => last.clone(),
                _ => self.span(&resource, &scope),
            };
            spans.push(span);
        }
        spans
    }

    fn span(&mut self, resource: &Arc<Resource>, scope: &Arc<Scope>) -> Span {
        let trace_id = random_trace_id(&mut self.random);
        let id = span_id(self.members.len() as u64 + 1);
        let parent_span_id = match self.random.below(10) {
            0..3 => None,
            3 => Some(span_id(u64::MAX)),
            4 if !self.members.is_empty() => Some(self.random.pick(&self.members).1),
            _ => self
                .members
                .iter()
                .rev()
                .find(|(trace, _)| *trace == trace_id)
                .map(|(_, id)| *id),
        };
        self.members.push((trace_id, id));
        Span {
            trace_id,
            span_id: id,
            parent_span_id,
            ..random_span(&mut self.random, resource, scope)
        }
    }
}

const TRACES: u64 = 40;
const DAYS: u64 = 3;
const KEYS: [&str; 8] = ["a", "b", "http.status_code", "service.name", "ü", "", "deep.key", "a.k"];
const TEXTS: [&str; 7] = ["x", "xy", "1", "", "true", "GET /", "été"];
const NAMES: [&str; 5] = ["GET /", "GET /cart", "work", "", "x"];

fn random_trace_id(random: &mut Random) -> TraceId {
    let number = u128::from(random.below(TRACES) + 1);
    trace_id(if number % 2 == 0 { number } else { number << 64 | number })
}

fn random_start(random: &mut Random) -> u64 {
    let day = midnight() - NANOS_PER_DAY + random.below(DAYS) * NANOS_PER_DAY;
    match random.below(4) {
        0 => day,
        1 => day + NANOS_PER_DAY - 1,
        2 => day + random.below(100) * SECOND,
        _ => day + random.below(NANOS_PER_DAY),
    }
}

fn random_span(random: &mut Random, resource: &Arc<Resource>, scope: &Arc<Scope>) -> Span {
    let start = random_start(random);
    let end = match random.below(6) {
        0 => 0,
        1 => start - random.below(1_000),
        2 => start,
        _ => start + random.below(10 * SECOND),
    };
    Span {
        trace_state: random.pick(&["", "", "a=1"])[..].into(),
        flags: random.below(3) as u32,
        name: (*random.pick(&NAMES)).into(),
        kind: SpanKind(random.below(7) as i32),
        start: UnixNanos(start),
        end: UnixNanos(end),
        attributes: random_attributes(random, 5),
        dropped_attributes_count: random.below(3) as u32,
        events: (0..random.below(3)).map(|_| random_event(random, start)).collect(),
        dropped_events_count: random.below(2) as u32,
        links: (0..random.below(3)).map(|_| random_link(random)).collect(),
        dropped_links_count: random.below(2) as u32,
        status_code: StatusCode(random.below(4) as i32),
        status_message: random.pick(&["", "", "boom"])[..].into(),
        resource: resource.clone(),
        scope: scope.clone(),
        ..Span::default()
    }
}

fn random_event(random: &mut Random, start: u64) -> Event {
    Event {
        time: UnixNanos(start + random.below(1_000)),
        name: random.pick(&["exception", "log", ""])[..].into(),
        attributes: random_attributes(random, 3),
        dropped_attributes_count: random.below(2) as u32,
    }
}

fn random_link(random: &mut Random) -> Link {
    Link {
        trace_id: if random.chance(20) {
            TraceId::default()
        } else {
            random_trace_id(random)
        },
        span_id: span_id(random.below(4)),
        trace_state: random.pick(&["", "l=1"])[..].into(),
        attributes: random_attributes(random, 2),
        dropped_attributes_count: random.below(2) as u32,
        flags: random.below(2) as u32,
    }
}

fn random_resource(random: &mut Random) -> Resource {
    let mut attributes = random_attributes(random, 3);
    if random.chance(80) {
        attributes.insert(0, attr("service.name", *random.pick(&["shop", "db", "web"])));
    }
    Resource {
        attributes,
        dropped_attributes_count: random.below(2) as u32,
        schema_url: random.pick(&["", "https://example.com/1"])[..].into(),
    }
}

fn random_scope(random: &mut Random) -> Scope {
    Scope {
        name: random.pick(&["", "lib"])[..].into(),
        version: random.pick(&["", "1"])[..].into(),
        attributes: random_attributes(random, 2),
        dropped_attributes_count: random.below(2) as u32,
        schema_url: random.pick(&["", "https://example.com/2"])[..].into(),
    }
}

fn random_attributes(random: &mut Random, most: u64) -> Vec<Attribute> {
    (0..random.below(most + 1))
        .map(|_| attr(random.pick::<&str>(&KEYS), random_value(random, 2)))
        .collect()
}

fn random_value(random: &mut Random, depth: u64) -> AttrValue {
    match random.below(if depth == 0 { 7 } else { 9 }) {
        0 | 1 => (*random.pick(&TEXTS)).into(),
        2 => (random.below(5) as i64 - 2).into(),
        3 => (*random.pick(&[0.0, -0.0, 1.0, 72.5, f64::NAN, f64::INFINITY, -1e300])).into(),
        4 => random.chance(50).into(),
        5 => bytes(random.pick::<&[u8]>(&[b"", b"x", &[0, 255]])),
        6 => (*random.pick(&[i64::MAX, i64::MIN, 200, 503])).into(),
        7 if random.chance(50) => AttrValue::Empty,
        7 => AttrValue::Array((0..random.below(3)).map(|_| random_value(random, depth - 1)).collect()),
        _ => AttrValue::Map(
            (0..random.below(3))
                .map(|_| attr("k", random_value(random, depth - 1)))
                .collect(),
        ),
    }
}

/// A plan of any shape for the suite's tenant.
pub fn random_plan(random: &mut Random) -> Plan {
    let plan = |range, filter, shape| Plan {
        tenant: TENANT,
        range,
        filter,
        shape,
    };
    match random.below(14) {
        12 | 13 => plan(random_range(random), random_filter(random, 2), Shape::Columns),
        0 => Plan::traces_by_id(TENANT, (0..random.below(5)).map(|_| random_trace_id(random)).collect()),
        1 => plan(random_range(random), Filter::All, Shape::Calls),
        2 => {
            let kind = random.chance(50).then(|| SpanKind(random.below(7) as i32));
            let service = random.pick(&["shop", "db", "web", "none"])[..].into();
            let query = CatalogueQuery::Operations { service, kind };
            Plan::catalogue(
                TENANT,
                random
                    .pick(&[CatalogueQuery::Services, CatalogueQuery::AttributeNames, query])
                    .clone(),
            )
        }
        _ => {
            let order = *random.pick(&[Order::Newest, Order::Newest, Order::Slowest]);
            let limit = *random.pick(&[1, 3, 10, 1_000]);
            let shape = match random.chance(80) {
                true => Shape::Search { limit, order },
                false => Shape::Ranking { limit, order },
            };
            plan(random_range(random), random_filter(random, 3), shape)
        }
    }
}

fn random_range(random: &mut Random) -> TimeRange {
    if random.chance(40) {
        return TimeRange::ALL;
    }
    let (a, b) = (random_start(random), random_start(random));
    TimeRange::new(UnixNanos(a.min(b)), UnixNanos(a.max(b)))
}

fn random_filter(random: &mut Random, depth: u64) -> Filter {
    let some = |random: &mut Random| (0..random.below(4)).map(|_| random_filter(random, depth - 1)).collect();
    match random.below(if depth == 0 { 6 } else { 12 }) {
        0 if random.chance(30) => Filter::All,
        0 if random.chance(30) => Filter::None,
        0..6 => Filter::Test(random_column(random), random_predicate(random)),
        6..8 => Filter::And(some(random)),
        8..10 => Filter::Or(some(random)),
        _ => Filter::Not(Box::new(random_filter(random, depth - 1))),
    }
}

fn random_column(random: &mut Random) -> Column {
    use SpanField as F;
    const FIELDS: [SpanField; 17] = [
        F::TraceId,
        F::SpanId,
        F::ParentSpanId,
        F::TraceState,
        F::Flags,
        F::Name,
        F::Kind,
        F::Start,
        F::End,
        F::Duration,
        F::DroppedAttributesCount,
        F::DroppedEventsCount,
        F::DroppedLinksCount,
        F::StatusCode,
        F::StatusMessage,
        F::ScopeName,
        F::ScopeVersion,
    ];
    let key: Arc<str> = (*random.pick(&KEYS)).into();
    let index = random.chance(40).then(|| random.below(3) as u32);
    match random.below(10) {
        0..3 => Column::Field(*random.pick(&FIELDS)),
        3..7 => Column::Attr {
            level: *random.pick(&[AttrLevel::Span, AttrLevel::Resource, AttrLevel::Scope]),
            key,
        },
        7 | 8 => {
            let field = match random.below(6) {
                0 => EventField::Name,
                1 => EventField::Time,
                2 => EventField::DroppedAttributesCount,
                _ => EventField::Attr(key),
            };
            Column::Event { field, index }
        }
        _ => {
            let field = match random.below(9) {
                0 => LinkField::TraceId,
                1 => LinkField::SpanId,
                2 => LinkField::TraceState,
                3 => LinkField::Flags,
                4 => LinkField::DroppedAttributesCount,
                _ => LinkField::Attr(key),
            };
            Column::Link { field, index }
        }
    }
}

fn random_predicate(random: &mut Random) -> Predicate {
    let text: Arc<str> = match random.below(8) {
        0 => "2".into(),
        1 => format!("{:032x}", random.below(TRACES) + 1).into(),
        2 => random_value(random, 1).to_text().into(),
        _ => (*random.pick(&TEXTS)).into(),
    };
    match random.below(10) {
        0 | 1 => Predicate::Exists,
        2 | 3 => Predicate::Is(random_value(random, 1)),
        4 => Predicate::Text(TextMatch::In(vec![text, "shop".into(), "503".into()])),
        5 => Predicate::Text(
            random
                .pick(&[TextMatch::Prefix(text.clone()), TextMatch::Contains(text)])
                .clone(),
        ),
        6 => {
            let pattern = *random.pick(&["^x", "[0-9]+", "", "T /$", "^$", "(?i)SHOP", "a|b|é"]);
            Predicate::Text(TextMatch::Regex(pattern.into()))
        }
        7 => Predicate::Number {
            min: *random.pick(&[f64::NEG_INFINITY, -1.0, 0.0, 100.5]),
            max: *random.pick(&[0.0, 1.0, 1e9, f64::INFINITY]),
        },
        8 => Predicate::Int {
            min: *random.pick(&[i128::MIN, -1, 0, 200]),
            max: *random.pick(&[0, 2, 503, 1 << 62, i128::MAX]),
        },
        _ => Predicate::Text(TextMatch::Equals(text)),
    }
}
