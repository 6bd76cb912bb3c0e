//! Reads acknowledged traces back by their ids.

use super::Counts;
use super::estate::Made;
use super::send::{add, agent};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// How often a trace is asked for that is not whole: a node may be coming back.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct Verifier<'c> {
    base: String,
    counts: &'c Counts,
    samples: Receiver<Made>,
    agent: ureq::Agent,
}

impl<'c> Verifier<'c> {
    /// It runs until nobody holds the other end any more, and all that came is checked.
    pub(super) fn new(select: &str, counts: &'c Counts) -> (Self, Sender<Made>) {
        let (sender, samples) = mpsc::channel();
        let verifier = Self {
            base: select.trim_end_matches('/').to_owned(),
            counts,
            samples,
            agent: agent(),
        };
        (verifier, sender)
    }

    pub(super) fn run(self) {
        for made in &self.samples {
            let mut found = self.spans_of(&made);
            for _ in 1..TRIES {
                if found >= made.spans {
                    break;
                }
                std::thread::sleep(PAUSE);
                found = self.spans_of(&made);
            }
            add(&self.counts.checked, made.spans);
            add(&self.counts.lost, made.spans.saturating_sub(found));
        }
    }

    fn spans_of(&self, made: &Made) -> u64 {
        let url = format!("{}/select/jaeger/api/traces/{:032x}", self.base, made.trace);
        let answer = self
            .agent
            .get(url)
            .call()
            .ok()
            .filter(|answer| answer.status().is_success());
        let body = answer
            .and_then(|mut answer| answer.body_mut().read_to_vec().ok())
            .unwrap_or_default();
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        answer["data"][0]["spans"]
            .as_array()
            .map_or(0, |spans| spans.len() as u64)
    }
}
