//! Kill −9 at random moments under load, again and again on the same data: what was acknowledged is there exactly once.
//!
//! `VT_CRASH_ROUNDS` is the number of kills. The failure of a run names its seed; `VT_CRASH_SEED` starts a run with the
//! same requests, flags and moments, as far as moments can be the same.

use std::time::Duration;
use tests::load::{self, Load, Random};
use tests::process::{Options, Server};

const ROUNDS: u64 = 30;
const LANES: u8 = 3;

#[test]
fn acknowledged_spans_are_there_exactly_once_after_kills() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let rounds = number("VT_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("VT_CRASH_SEED").unwrap_or_else(load::now);
    println!("VT_CRASH_SEED={seed}");
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut random = Random::new(seed);
    let mut server = options(&mut random).data_dir(dir.path()).start();
    let mut loads: Vec<Load> = Vec::new();
    for round in 1..=rounds {
        let load = Load::new(
            seed,
            u16::try_from(round).expect("fewer rounds"),
            &[0, 0, 0, 0, 0, 1, 2],
        );
        run_and_kill(&mut server, &load, &mut random);
        if random.below(4) == 0 {
            server.start_and_kill(Duration::from_millis(random.below(150)));
        }
        server.start_again_with(options(&mut random).data_dir(dir.path()));
        load.check(&server);
        println!("round {round}: {}, {}", load.summary(), interrupted(&server));
        loads.push(load);
        load::wait_for_stored_spans(&server, loads.iter().map(Load::stored_spans).sum());
        let load = &loads[loads.len() - 1];
        load.send_again(&server, &mut random);
        load.check_by_search(&server);
        loads[random.below(round) as usize].check_by_search(&server);
        assert_log_is_clean(&server);
    }
    server.kill();
    server.start_again();
    for load in &loads {
        load.check(&server);
    }
    load::wait_for_stored_spans(&server, loads.iter().map(Load::stored_spans).sum());
    let (status, body) = server.post("/internal/force_merge", "", b"");
    assert_eq!(status, 200, "{body}");
    for load in &loads {
        load.check_by_search(&server);
    }
    assert!(server.stop().success(), "{}", server.log());
}

/// Small heads, so that flushes and merges are always under way.
fn options(random: &mut Random) -> Options {
    let head = random.one_of(&["256KiB", "1MiB", "4MiB"]);
    let sync = random.one_of(&["interval", "always", "off"]);
    Options::default()
        .flag("--storage.flushInterval=1s")
        .flag(format!("--storage.maxHeadBytes={head}"))
        .flag(format!("--storage.walSync={sync}"))
        .flag(format!("--search.maxTraces={}", load::MAX_TRACES))
}

fn run_and_kill(server: &mut Server, load: &Load, random: &mut Random) {
    let (url, acknowledged) = (server.url(""), 1 + random.below(100) as usize);
    let url = url.as_str();
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            scope.spawn(move || load.run(lane, url, u16::MAX));
        }
        scope.spawn(move || load.stir(url, 60));
        let _stop = load.stop_on_drop();
        load.wait_for_acknowledged(acknowledged);
        // The moment is random: nothing is waited for here.
        std::thread::sleep(Duration::from_micros(random.below(40_000)));
        load.expect_end();
        server.kill();
    });
}

/// What recovery says it found unfinished.
fn interrupted(server: &Server) -> String {
    let log = server.log();
    let found = [
        "replayed the log",
        "unfinished blocks",
        "partition that was not finished",
    ];
    let lines = log.lines().filter(|line| found.iter().any(|text| line.contains(text)));
    lines
        .map(|line| line.rsplit("  ").next().unwrap_or(line))
        .collect::<Vec<_>>()
        .join("; ")
}

fn assert_log_is_clean(server: &Server) {
    let log = server.log();
    let bad = ["ERROR", "WARN", "panicked"];
    let line = log.lines().find(|line| bad.iter().any(|text| line.contains(text)));
    assert_eq!(line, None, "in the log");
}
