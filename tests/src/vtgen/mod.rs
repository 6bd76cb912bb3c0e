//! A load generator for capacity tests: sends realistic traces over OTLP/HTTP at a given rate, reads a sample of what was
//! acknowledged back, and counts what is missing. It knows the protocols and nothing of the server's insides.

mod estate;
mod send;
mod verify;

use clap::Parser;
use send::Sender;
use serde::Serialize;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use verify::Verifier;

/// What to send, where to, and how much of it is checked.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "vtgen",
    about = "Sends traces at a given rate, and checks that a sample of them is there"
)]
pub struct Options {
    /// Where spans go: base URL of an insert node or of vtsingle; with several, connections take turns
    #[arg(long, default_value = "http://127.0.0.1:10428", value_delimiter = ',')]
    pub insert: Vec<String>,
    /// Where they are read back: base URL of a select node or of vtsingle
    #[arg(long, default_value = "http://127.0.0.1:10428")]
    pub select: String,
    /// Spans per second; 0: as fast as they are taken
    #[arg(long, default_value_t = 1_000)]
    pub rate: u64,
    /// How many seconds
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Connections that send
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub connections: u64,
    /// Spans per request, about
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub batch: u64,
    /// One of so many acknowledged traces is read back
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: u64,
    /// The same seed makes the same traces but for their times; by default the time
    #[arg(long)]
    pub seed: Option<u64>,
}

/// What was counted.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Report {
    pub seconds: f64,
    /// Spans of requests that were answered with success, and not rejected
    pub acknowledged: u64,
    /// Spans that were rejected as partial success
    pub rejected: u64,
    /// Spans of requests that were given up
    pub failed: u64,
    /// How often requests were sent again
    pub retries: u64,
    /// How often one of them was at most
    pub most_retries: u64,
    /// The longest that one took to be acknowledged, with all that
    pub longest_seconds: f64,
    /// Acknowledged spans that were asked for
    pub checked: u64,
    /// Of these, spans that were not there
    pub lost: u64,
}

impl Report {
    pub fn is_good(&self) -> bool {
        self.acknowledged > 0 && self.failed == 0 && self.lost == 0
    }
}

/// Counts of a run that goes on.
#[derive(Debug, Default)]
struct Counts {
    acknowledged: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    retries: AtomicU64,
    most_retries: AtomicU64,
    longest_micros: AtomicU64,
    checked: AtomicU64,
    lost: AtomicU64,
    sent_all: AtomicBool,
}

impl Counts {
    fn report(&self, since: Instant) -> Report {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            seconds: since.elapsed().as_secs_f64(),
            acknowledged: get(&self.acknowledged),
            rejected: get(&self.rejected),
            failed: get(&self.failed),
            retries: get(&self.retries),
            most_retries: get(&self.most_retries),
            longest_seconds: get(&self.longest_micros) as f64 / 1e6,
            checked: get(&self.checked),
            lost: get(&self.lost),
        }
    }
}

/// Sends, checks, and writes a line each second to `progress`.
pub fn run(options: &Options, progress: &mut impl Write) -> Report {
    let (counts, begun) = (Counts::default(), Instant::now());
    let seed = options.seed.unwrap_or_else(crate::load::now);
    let (verifier, samples) = Verifier::new(&options.select, &counts);
    std::thread::scope(|scope| {
        let checking = scope.spawn(move || verifier.run());
        let senders: Vec<_> = (0..options.connections)
            .map(|connection| Sender::new(options, connection, seed, &counts, samples.clone()))
            .map(|sender| scope.spawn(move || sender.run(begun)))
            .collect();
        drop(samples);
        let mut before = counts.report(begun);
        while !checking.is_finished() {
            std::thread::park_timeout(Duration::from_secs(1));
            let now = counts.report(begun);
            show(progress, &before, &now, counts.sent_all.load(Ordering::Relaxed));
            before = now;
            if senders.iter().all(|sender| sender.is_finished()) {
                counts.sent_all.store(true, Ordering::Relaxed);
            }
        }
    });
    counts.report(begun)
}

fn show(out: &mut impl Write, before: &Report, now: &Report, sent_all: bool) {
    let rate = (now.acknowledged - before.acknowledged) as f64 / (now.seconds - before.seconds).max(f64::EPSILON);
    let doing = if sent_all { "checking" } else { "sending" };
    // Whoever does not look any more misses nothing.
    let _ = writeln!(
        out,
        "{:6.0} s  {doing}  {rate:9.0} spans/s  {} acknowledged  {} rejected  {} failed  {} retries  {} checked  {} lost",
        now.seconds, now.acknowledged, now.rejected, now.failed, now.retries, now.checked, now.lost
    );
}
