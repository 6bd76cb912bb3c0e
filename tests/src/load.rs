//! Load whose fate is known: OTLP requests that follow from a seed, a ledger of which of them a server acknowledged, and
//! the check that the server has those whole and once. It knows the APIs of a server and nothing of its insides.

use crate::process::{Client, PATIENCE, Server};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400_000_000_000;
const HOUR: u64 = 3_600_000_000_000;
/// Traces that are asked for by id at a time.
const IDS_AT_A_TIME: usize = 100;

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n - 1`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Seeds of their own for the parts of something with a seed.
fn mix(seed: u64, part: u64) -> u64 {
    Random::new(seed ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93)).next()
}

/// Nanoseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    u64::try_from(since.as_nanos()).expect("a clock before 2554")
}

/// An OTLP request: the same for the same load, lane and number.
struct Request {
    key: u64,
    body: Vec<u8>,
    spans: Vec<SpanIds>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct SpanIds {
    trace: u128,
    span: u64,
}

/// What is known of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// Sent, and no answer so far
    Sent,
    /// Answered with success
    Acknowledged,
    /// The answer was lost in a crash; the request was found stored afterwards
    Found,
    /// The answer was lost in a crash; nothing of the request was found afterwards
    Absent,
}

#[derive(Debug)]
struct Entry {
    fate: Fate,
    lane: u8,
    number: u16,
    spans: Vec<SpanIds>,
}

impl Entry {
    fn is_stored(&self) -> bool {
        matches!(self.fate, Fate::Acknowledged | Fate::Found)
    }
}

/// How a request was answered.
enum Reply {
    Stored,
    Later,
    /// There was no answer
    Lost(String),
}

/// Requests of one service, and what became of them.
#[derive(Debug)]
pub struct Load {
    seed: u64,
    tag: u16,
    days_ago: Vec<u64>,
    now: u64,
    ledger: Mutex<BTreeMap<u64, Entry>>,
    progress: Condvar,
    end_expected: AtomicBool,
    stopped: AtomicBool,
}

impl Load {
    /// `tag` tells loads of one server apart. Spans start so many days ago as `days_ago` says, chosen by trace.
    pub fn new(seed: u64, tag: u16, days_ago: &[u64]) -> Self {
        Self {
            seed: mix(seed, tag.into()),
            tag,
            days_ago: days_ago.to_vec(),
            now: now(),
            ledger: Mutex::default(),
            progress: Condvar::new(),
            end_expected: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        }
    }

    /// The service of all its spans.
    pub fn service(&self) -> String {
        format!("load-{}", self.tag)
    }

    /// From now on the server may go away.
    pub fn expect_end(&self) {
        self.end_expected.store(true, Ordering::SeqCst);
    }

    /// Ends [`Self::run`] and [`Self::stir`] when the answer is dropped, be it by a panic.
    pub fn stop_on_drop(&self) -> StopOnDrop<'_> {
        StopOnDrop(self)
    }

    /// Sends at most `requests` requests, one after another, until the server goes away. Lanes may run in parallel.
    ///
    /// # Panics
    /// When the server goes away unexpectedly or refuses a request for good.
    pub fn run(&self, lane: u8, url: &str, requests: u16) {
        let agent = agent();
        for number in 0..requests {
            let request = self.request(lane, number);
            let (key, body) = (request.key, request.body);
            let entry = Entry {
                fate: Fate::Sent,
                lane,
                number,
                spans: request.spans,
            };
            self.ledger().insert(key, entry);
            while let Some(reply) = self.proceeds().then(|| post(&agent, url, &body)) {
                match reply {
                    Reply::Stored => {
                        self.acknowledge(key);
                        break;
                    }
                    Reply::Later => std::thread::sleep(Duration::from_millis(20)),
                    Reply::Lost(why) => return self.assert_end_expected(&why),
                }
            }
            if !self.proceeds() {
                return;
            }
        }
    }

    /// Sends requests to the insert nodes of a cluster until it is stopped, as an exporter with one retry does: what fails
    /// is sent again after 100 ms, to the next node.
    ///
    /// # Panics
    /// When a request fails twice.
    pub fn run_on(&self, lane: u8, urls: &[String], pause: Duration) {
        let agent = agent();
        for number in 0..u16::MAX {
            let request = self.request(lane, number);
            let (key, body) = (request.key, request.body);
            let entry = Entry {
                fate: Fate::Sent,
                lane,
                number,
                spans: request.spans,
            };
            self.ledger().insert(key, entry);
            let mut failed = None;
            let mut tries = urls.iter().cycle().skip(usize::from(number) + usize::from(lane));
            while let Some(url) = tries.next().filter(|_| self.proceeds()) {
                match try_post(&agent, url, &body) {
                    Reply::Stored => {
                        self.acknowledge(key);
                        break;
                    }
                    Reply::Later => std::thread::sleep(Duration::from_millis(20)),
                    Reply::Lost(why) => {
                        assert_eq!(failed, None, "an export fails after a retry: {why}");
                        failed = Some(why);
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            }
            if !self.proceeds() {
                return;
            }
            std::thread::sleep(pause);
        }
    }

    /// Checks that the number of spans is complete: not less than were acknowledged before it was asked for, not more
    /// than were sent afterwards. Load may go on meanwhile. Whether there was an answer.
    ///
    /// # Panics
    /// When there is an answer and it is not so.
    pub fn check_count(&self, server: &Client) -> bool {
        let least = self.spans(Entry::is_stored);
        let Some(body) = server.try_complete(&self.count_path("query")) else {
            return false;
        };
        let most = self.spans(|_| true);
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let counted: usize = answer["n"].as_str().expect("a count").parse().expect("a number");
        assert!(
            (least..=most).contains(&counted),
            "{counted} spans counted, not {least} to {most}"
        );
        true
    }

    /// Asks a LogsQL endpoint for the number of spans, as `n`.
    pub fn count_path(&self, endpoint: &str) -> String {
        let query = format!(
            "%22resource_attr:service.name%22:=%22{}%22%20%7C%20stats%20count()%20n",
            self.service()
        );
        format!("/select/logsql/{endpoint}?query={query}")
    }

    fn spans(&self, which: impl Fn(&Entry) -> bool) -> usize {
        let ledger = self.ledger();
        let entries = ledger.values().filter(|entry| which(entry));
        entries.map(|entry| entry.spans.len()).sum()
    }

    /// The number of acknowledged requests.
    pub fn acknowledged(&self) -> usize {
        let ledger = self.ledger();
        ledger.values().filter(|entry| entry.fate == Fate::Acknowledged).count()
    }

    /// Asks for flushes and merges at irregular times until the server goes away.
    ///
    /// # Panics
    /// When the server goes away unexpectedly or cannot flush or merge.
    pub fn stir(&self, url: &str, pause_millis: u64) {
        let agent = agent();
        let mut random = Random::new(mix(self.seed, u64::MAX));
        while self.proceeds() {
            let what = random.one_of(&["force_flush", "force_flush", "force_merge"]);
            match agent.post(format!("{url}/internal/{what}")).send_empty() {
                Ok(answer) => assert_eq!(answer.status(), 200, "{what}"),
                Err(error) => return self.assert_end_expected(&error.to_string()),
            }
            std::thread::sleep(Duration::from_millis(random.below(pause_millis)));
        }
    }

    /// Waits until so many requests are acknowledged.
    ///
    /// # Panics
    /// When they are not within [`PATIENCE`].
    pub fn wait_for_acknowledged(&self, requests: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut ledger = self.ledger();
        loop {
            let acknowledged = |entry: &&Entry| entry.fate == Fate::Acknowledged;
            if ledger.values().filter(acknowledged).count() >= requests {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{requests} requests are not acknowledged in time");
            ledger = self.progress.wait_timeout(ledger, left).expect("ledger").0;
        }
    }

    /// Sends again what was not acknowledged, as clients do whose answer was lost, and some of what was.
    pub fn send_again(&self, server: &Client, random: &mut Random) {
        let again: Vec<(u8, u16)> = self
            .ledger()
            .values()
            .filter(|entry| entry.fate != Fate::Acknowledged || random.below(20) == 0)
            .map(|entry| (entry.lane, entry.number))
            .collect();
        let (agent, url) = (agent(), server.url(""));
        for (lane, number) in again {
            let request = self.request(lane, number);
            loop {
                match post(&agent, &url, &request.body) {
                    Reply::Stored => break self.acknowledge(request.key),
                    Reply::Later => std::thread::sleep(Duration::from_millis(20)),
                    Reply::Lost(why) => panic!("no answer: {why}"),
                }
            }
        }
    }

    /// Checks that the server has each span of each acknowledged request once, and each other request wholly or not at
    /// all, by id and by search; and remembers which of these it has. Nothing may be sent meanwhile.
    ///
    /// # Panics
    /// When it is not so.
    pub fn check(&self, server: &Client) {
        let mut ledger = self.ledger();
        let found = found_by_id(server, &ledger);
        for (key, entry) in ledger.iter_mut() {
            let (there, all) = (count(&found, entry), entry.spans.len());
            match entry.fate {
                Fate::Acknowledged | Fate::Found => {
                    assert_eq!(there, all, "spans of request {key:x} ({:?})", entry.fate);
                }
                Fate::Absent => assert_eq!(there, 0, "spans of request {key:x}, which was not there before"),
                Fate::Sent if there == all => entry.fate = Fate::Found,
                Fate::Sent => {
                    assert_eq!(
                        there, 0,
                        "spans of {all} of request {key:x}, which was not acknowledged"
                    );
                    entry.fate = Fate::Absent;
                }
            }
        }
        assert_eq!(found.len(), stored_spans(&ledger), "spans by id that nobody sent");
        assert!(found == self.found_by_search(server), "search finds other spans");
        check_one(server, &ledger);
        self.check_service(server, !found.is_empty());
    }

    /// Checks by search alone that the server has each span of each stored request once, and nothing else. Nothing may
    /// be sent meanwhile.
    ///
    /// # Panics
    /// When it is not so.
    pub fn check_by_search(&self, server: &Client) {
        let ledger = self.ledger();
        let found = self.found_by_search(server);
        for (key, entry) in ledger.iter().filter(|(_, entry)| entry.is_stored()) {
            assert_eq!(count(&found, entry), entry.spans.len(), "spans of request {key:x}");
        }
        assert_eq!(found.len(), stored_spans(&ledger), "spans that nobody sent");
    }

    /// As [`Self::check`] for a load which the server may have dropped as a whole by retention. Whether it has.
    ///
    /// # Panics
    /// When only a part is there, or not exactly once.
    pub fn check_whole_or_dropped(&self, server: &Client) -> bool {
        let found = found_by_id(server, &self.ledger());
        if !found.is_empty() {
            self.check(server);
        }
        found.is_empty()
    }

    /// Spans of requests that are stored, as far as is known.
    pub fn stored_spans(&self) -> usize {
        stored_spans(&self.ledger())
    }

    /// How many requests have which fate, for people.
    pub fn summary(&self) -> String {
        let ledger = self.ledger();
        let count = |fate| ledger.values().filter(|entry| entry.fate == fate).count();
        format!(
            "{} requests acknowledged, {} found, {} absent",
            count(Fate::Acknowledged),
            count(Fate::Found),
            count(Fate::Absent)
        )
    }

    fn found_by_search(&self, server: &Client) -> HashMap<u64, u128> {
        let (service, end) = (self.service(), (self.now + DAY) / 1_000);
        let query = format!("service={service}&start=0&end={end}&limit={MAX_TRACES}");
        let mut found = HashMap::new();
        collect(ask(server, &query), &mut found);
        found
    }

    fn check_service(&self, server: &Client, expected: bool) {
        let services = server.get_json("/select/jaeger/api/services");
        let services = services["data"].as_array().expect("services");
        let listed = services.iter().any(|service| *service == *self.service());
        assert_eq!(listed, expected, "{} among {services:?}", self.service());
    }

    fn ledger(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.ledger.lock().expect("ledger")
    }

    fn acknowledge(&self, key: u64) {
        if let Some(entry) = self.ledger().get_mut(&key) {
            entry.fate = Fate::Acknowledged;
        }
        self.progress.notify_all();
    }

    /// Whether it was not told to stop.
    pub fn proceeds(&self) -> bool {
        !self.stopped.load(Ordering::SeqCst)
    }

    fn assert_end_expected(&self, why: &str) {
        assert!(self.end_expected.load(Ordering::SeqCst), "the server went away: {why}");
    }

    /// Mostly small requests, some large. Four in a row share a trace.
    fn request(&self, lane: u8, number: u16) -> Request {
        let key = u64::from(self.tag) << 24 | u64::from(lane) << 16 | u64::from(number);
        let mut random = Random::new(mix(self.seed, key));
        let size = match random.below(60) {
            0 => 1_000 + random.below(2_000),
            1..=8 => 50 + random.below(200),
            _ => 1 + random.below(25),
        } as usize;
        let (mut spans, mut ids) = (Vec::with_capacity(size), Vec::with_capacity(size));
        let mut traces = 0;
        while spans.len() < size {
            let low = if traces == 0 {
                (key & !3) << 16
            } else {
                key << 16 | traces
            };
            let trace = u128::from(mix(self.seed, low)) << 64 | u128::from(low);
            // All requests of the shared trace must agree on its day.
            let start = self.start(&mut Random::new(low));
            let fewer = (1 + random.below(12) as usize).min(size - spans.len());
            for n in 0..fewer as u64 {
                let span = key << 16 | (spans.len() as u64 + 1);
                ids.push(SpanIds { trace, span });
                spans.push(otlp_span(ids[ids.len() - 1], start + n * 1_000_000, &mut random));
            }
            traces += 1;
        }
        Request {
            key,
            body: request_of(&self.service(), spans).encode_to_vec(),
            spans: ids,
        }
    }

    /// A time on one of its days, far from midnight where it is not today.
    fn start(&self, random: &mut Random) -> u64 {
        let today = self.now - self.now % DAY;
        match random.one_of(&self.days_ago) {
            0 => self.now - random.below(HOUR).min(self.now - today),
            days => today - days * DAY + DAY / 2 + random.below(HOUR),
        }
    }
}

/// See [`Load::stop_on_drop`].
#[derive(Debug)]
pub struct StopOnDrop<'a>(&'a Load);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::SeqCst);
    }
}

/// For `--search.maxTraces`, so that no search of a load is cut short.
pub const MAX_TRACES: usize = 1_000_000;

/// Waits until the server counts `expected` spans in heads and blocks. The APIs show a span once though it be stored
/// twice: this number does not.
///
/// # Panics
/// When it goes on counting more, or does not count so many within [`PATIENCE`].
pub fn wait_for_stored_spans(server: &Server, expected: usize) {
    let deadline = Instant::now() + PATIENCE;
    let mut looks_with_more = 0;
    loop {
        let gauge = |name| server.metric(name).expect("a gauge of the store");
        // In this order a flush in between is missed twice and not counted twice.
        let (blocks, heads) = (gauge("vt_storage_rows"), gauge("vt_head_spans"));
        let counted = (blocks + heads) as usize;
        if counted == expected {
            return;
        }
        // The two gauges are not set at once.
        looks_with_more = if counted > expected { looks_with_more + 1 } else { 0 };
        assert!(
            looks_with_more < 20 && Instant::now() < deadline,
            "{counted} spans stored instead of {expected}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A request with spans of one service.
pub fn request_of(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![attribute("service.name", Value::StringValue(service.into()))],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

pub fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn otlp_span(ids: SpanIds, start: u64, random: &mut Random) -> Span {
    Span {
        trace_id: ids.trace.to_be_bytes().into(),
        span_id: ids.span.to_be_bytes().into(),
        name: name_of(ids.span),
        kind: 1 + random.below(5) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + random.below(1_000_000_000),
        attributes: vec![
            attribute("session", Value::StringValue(format!("{:016x}", random.next()))),
            attribute("status", Value::IntValue(200 + random.below(5) as i64)),
            attribute("route", Value::StringValue(format!("/items/{}", random.below(30)))),
        ],
        ..Span::default()
    }
}

/// Spans are told apart by their names too, so that a mixed up column shows.
fn name_of(span: u64) -> String {
    format!("operation {}", mix(span, 1) % 60)
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent()
}

fn post(agent: &ureq::Agent, url: &str, body: &[u8]) -> Reply {
    match try_post(agent, url, body) {
        Reply::Lost(why) if why.starts_with("status") => panic!("{why}"),
        reply => reply,
    }
}

/// As an exporter sees it: any other status than success and "later" is a failed try.
fn try_post(agent: &ureq::Agent, url: &str, body: &[u8]) -> Reply {
    let request = agent.post(format!("{url}/v1/traces"));
    match request.header("Content-Type", "application/x-protobuf").send(body) {
        Ok(mut answer) => match answer.status().as_u16() {
            200 => Reply::Stored,
            429 => Reply::Later,
            status => {
                let body = answer.body_mut().read_to_string().unwrap_or_default();
                Reply::Lost(format!("status {status}: {body}"))
            }
        },
        Err(error) => Reply::Lost(error.to_string()),
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Trace>,
}

#[derive(Deserialize)]
struct Trace {
    #[serde(rename = "traceID")]
    id: String,
    spans: Vec<FoundSpan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundSpan {
    #[serde(rename = "traceID")]
    trace: String,
    #[serde(rename = "spanID")]
    id: String,
    operation_name: String,
}

fn ask(server: &Client, query: &str) -> Answer {
    let body = server
        .try_complete(&format!("/select/jaeger/api/traces?{query}"))
        .expect("an answer");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The trace of each span found, by asking for all traces of the ledger.
fn found_by_id(server: &Client, ledger: &BTreeMap<u64, Entry>) -> HashMap<u64, u128> {
    let ids = ledger.values().flat_map(|entry| &entry.spans).map(|ids| ids.trace);
    let ids: Vec<u128> = ids.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let mut found = HashMap::new();
    for ids in ids.chunks(IDS_AT_A_TIME) {
        let query: Vec<String> = ids.iter().map(|id| format!("traceID={id:032x}")).collect();
        collect(ask(server, &query.join("&")), &mut found);
    }
    found
}

fn collect(answer: Answer, found: &mut HashMap<u64, u128>) {
    for trace in answer.data {
        for span in trace.spans {
            assert_eq!(span.trace, trace.id, "a span in another trace");
            let id = u64::from_str_radix(&span.id, 16).expect("a span id");
            assert_eq!(span.operation_name, name_of(id), "the name of span {id:x}");
            let trace = u128::from_str_radix(&trace.id, 16).expect("a trace id");
            assert_eq!(found.insert(id, trace), None, "span {id:x} is there twice");
        }
    }
}

fn count(found: &HashMap<u64, u128>, entry: &Entry) -> usize {
    let there = |ids: &&SpanIds| found.get(&ids.span) == Some(&ids.trace);
    entry.spans.iter().filter(there).count()
}

fn stored_spans(ledger: &BTreeMap<u64, Entry>) -> usize {
    let stored = ledger.values().filter(|entry| entry.is_stored());
    stored.map(|entry| entry.spans.len()).sum()
}

/// One stored trace, asked for by its path.
fn check_one(server: &Client, ledger: &BTreeMap<u64, Entry>) {
    let stored = ledger.values().find(|entry| entry.is_stored());
    if let Some(ids) = stored.and_then(|entry| entry.spans.first()) {
        let mut found = HashMap::new();
        let answer = server.get_json(&format!("/select/jaeger/api/traces/{:032x}", ids.trace));
        collect(Answer::deserialize(answer).expect("traces"), &mut found);
        assert_eq!(found.get(&ids.span), Some(&ids.trace), "a trace by its path");
    }
}
