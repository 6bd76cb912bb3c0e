//! A cluster on a simulated network and a simulated clock: three storage nodes, insert and select hosts, and faults that
//! follow from a seed: crashes that take what was not synced, partitions also in one direction, messages that are lost,
//! held back and overtaken. With odd seeds a fourth node joins; with every other one of these somebody holds up
//! transfers, and begins to drain nodes. With every other even seed, others take the place of nodes that are away.
//!
//! It runs the production code of the consensus, leases, marks, hints and their delivery, of the sink, and of the source.
//! In their place stand, in memory: the engine, the disk below the consensus, and what carries calls over the simulated
//! TCP ([`wire`]), so that neither the wire forms nor the reconnecting of gRPC are tested here.
//!
//! The rules: a span that was acknowledged before a query began is in each answer that is not marked as partial; no answer
//! has a span twice, or one that nobody sent; no term has two leaders; and when nothing goes wrong any more, all nodes get
//! in sync, everything is written, answers are complete, and the owners of each slot hold the same.
//!
//! A seed fixes everything: the faults with their times, the load, what is drawn at random ([`entropy`]), and with that
//! the order of all events, so that a seed that fails does so again. Each seed has a process of its own, since some of
//! what is drawn depends on what the process has drawn before.
//!
//! `VT_SIM_SEED=n` runs one seed, `VT_SIM_SEEDS=n` those from 1 to n, `VT_SIM_TRACE=1` prints the
//! faults, `VT_SIM_EVENTS=1` what clients were told: to find where two runs part. `VT_SIM_STRICT=1` forgives no repeated
//! span, also not of requests that were sent again by another placement.

mod clients;
mod dice;
mod entropy;
mod faults;
mod operator;
mod record;
mod storage;
mod store;
mod view;
mod wire;
mod world;

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// As many as continuous integration has time for.
const SEEDS: u64 = 20;

/// Says which seed this process runs.
const SEED: &str = "VT_SIM_SEED";

/// Begins the line with what a run came to.
const OUTCOME: &str = "outcome of seed ";

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Runs a seed in this process.
fn run_here(seed: u64) {
    // On a thread that has drawn nothing yet.
    let run = move || {
        entropy::begin(seed);
        world::run(seed)
    };
    let outcome = std::thread::spawn(run).join();
    let outcome = outcome.expect("the simulation panicked");
    println!("{OUTCOME}{seed}: {outcome:?}");
    if let Err(why) = outcome {
        panic!("{SEED}={seed}: {why}");
    }
}

/// Runs a seed in a process of its own. What it came to, or all that it printed.
fn run_apart(seed: u64) -> Result<String, String> {
    let mut run = Command::new(std::env::current_exe().expect("this program"));
    run.args(["no_fault_breaks_a_promise", "--exact", "--nocapture"]);
    let done = run.env(SEED, seed.to_string()).output().expect("a process");
    let printed = String::from_utf8_lossy(&done.stdout);
    let outcome = printed.lines().find(|line| line.starts_with(OUTCOME));
    match (done.status.success(), outcome) {
        (true, Some(outcome)) => Ok(outcome.to_owned()),
        _ => Err(format!(
            "{SEED}={seed}: {printed}{}",
            String::from_utf8_lossy(&done.stderr)
        )),
    }
}

#[test]
fn no_fault_breaks_a_promise() {
    if let Some(seed) = number(SEED) {
        return run_here(seed);
    }
    let (next, end) = (AtomicU64::new(1), 1 + number("VT_SIM_SEEDS").unwrap_or(SEEDS));
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let broken: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let mut broken = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return broken;
                }
                match run_apart(seed) {
                    Ok(outcome) => println!("{outcome}"),
                    Err(why) => broken.push(why),
                }
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a thread panicked"))
            .collect()
    });
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_seed_replays_event_by_event() {
    // Of those with a node that joins.
    let seed = 1;
    let once = run_apart(seed);
    assert_eq!(once, run_apart(seed));
    assert!(once.is_ok_and(|outcome| outcome.contains("trace")));
}
