//! Load whose fate is known: OTLP requests that follow from a seed, a ledger of which of them a server acknowledged, and
//! the check that the server has those whole and once. It knows the APIs of a server and nothing of its insides.

mod check;
mod export;
mod found;
mod random;
mod spans;

use self::check::stored_spans;
use self::export::{Reply, agent, post, try_post};
use self::random::mix;
use self::spans::{name_of, otlp_span};
use crate::process::{Client, PATIENCE, Server};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use self::random::Random;
pub use self::spans::{attribute, request_of};

const DAY: u64 = 86_400_000_000_000;
const HOUR: u64 = 3_600_000_000_000;

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
            let (key, body) = self.next_request(lane, number);
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
            let (key, body) = self.next_request(lane, number);
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

    /// The key and the body of a request that is about to be sent, and is in the ledger from now on.
    fn next_request(&self, lane: u8, number: u16) -> (u64, Vec<u8>) {
        let Request { key, body, spans } = self.request(lane, number);
        let fate = Fate::Sent;
        self.ledger().insert(
            key,
            Entry {
                fate,
                lane,
                number,
                spans,
            },
        );
        (key, body)
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
