//! One connection that sends at its share of the rate, and sends again what was not taken.

use super::estate::{Made, request};
use super::{Counts, Options};
use crate::load::{Random, now};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender as Samples;
use std::time::{Duration, Instant};

/// How long a request is sent again before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) struct Sender<'c> {
    urls: Vec<String>,
    random: Random,
    /// Spans per second of this connection; 0: no bound
    rate: f64,
    batch: u64,
    sample: u64,
    length: Duration,
    counts: &'c Counts,
    samples: Samples<Made>,
    agent: ureq::Agent,
}

impl<'c> Sender<'c> {
    pub(super) fn new(
        options: &Options,
        connection: u64,
        seed: u64,
        counts: &'c Counts,
        samples: Samples<Made>,
    ) -> Self {
        let first = connection as usize % options.insert.len().max(1);
        let urls = options.insert.iter().cycle().skip(first).take(options.insert.len());
        Self {
            urls: urls
                .map(|url| format!("{}/v1/traces", url.trim_end_matches('/')))
                .collect(),
            random: Random::new(seed.wrapping_add(connection.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
            rate: options.rate as f64 / options.connections as f64,
            batch: options.batch,
            sample: options.sample,
            length: Duration::from_secs(options.seconds),
            counts,
            samples,
            agent: agent(),
        }
    }

    /// Until the time is over.
    pub(super) fn run(mut self, begun: Instant) {
        let mut sent = 0_u64;
        while begun.elapsed() < self.length {
            if self.rate > 0.0 {
                let due = begun + Duration::from_secs_f64(sent as f64 / self.rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let (body, made) = request(&mut self.random, self.batch, now());
            let spans: u64 = made.iter().map(|trace| trace.spans).sum();
            sent += spans;
            match self.send(&body.encode_to_vec()) {
                Some(rejected) => {
                    add(&self.counts.acknowledged, spans.saturating_sub(rejected));
                    add(&self.counts.rejected, rejected);
                    // What of a request was rejected is not known here.
                    if rejected == 0 {
                        self.choose(made);
                    }
                }
                None => add(&self.counts.failed, spans),
            }
        }
    }

    fn choose(&mut self, made: Vec<Made>) {
        for trace in made {
            if self.random.below(self.sample) == 0 {
                // It is received for as long as somebody sends.
                let _ = self.samples.send(trace);
            }
        }
    }

    /// How many spans were rejected; `None` when the request was given up.
    fn send(&self, body: &[u8]) -> Option<u64> {
        let begun = Instant::now();
        for (url, retries) in self.urls.iter().cycle().zip(0..) {
            if let Some(rejected) = self.try_send(url, body) {
                let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.counts.longest_micros.fetch_max(took, Ordering::Relaxed);
                self.counts.most_retries.fetch_max(retries, Ordering::Relaxed);
                return Some(rejected);
            }
            if begun.elapsed() > PATIENCE {
                return None;
            }
            add(&self.counts.retries, 1);
            std::thread::sleep(PAUSE);
        }
        None
    }

    fn try_send(&self, url: &str, body: &[u8]) -> Option<u64> {
        let request = self.agent.post(url).header("Content-Type", "application/x-protobuf");
        let mut answer = request.send(body).ok().filter(|answer| answer.status().is_success())?;
        let body = answer.body_mut().read_to_vec().ok()?;
        let partial = ExportTraceServiceResponse::decode(&body[..]).ok()?.partial_success;
        let rejected = partial.map_or(0, |partial| partial.rejected_spans);
        Some(u64::try_from(rejected).unwrap_or_default())
    }
}

pub(super) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

pub(super) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(PATIENCE)).build().new_agent()
}
