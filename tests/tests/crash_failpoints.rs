//! The process ends at each named step of writing, merging, and making and dropping partitions: what was acknowledged
//! is there exactly once afterwards. The steps are those that the store names, so a new one is covered at once; one
//! that this load never comes to fails the test.

use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;
use tests::load::{self, Load, Random};
use tests::process::{Options, Server};
use vtstorage::engine::store::Failpoint;

/// Each step is where the process ends when it is there for the first time, and for the second.
const HITS: [u32; 2] = [1, 2];
/// Retention is applied half a minute after the start: those who wait for that must not keep the others waiting.
const AT_A_TIME: usize = 6;
const REQUESTS: u16 = 80;
const SIGABRT: i32 = 6;

#[test]
fn acknowledged_spans_are_there_exactly_once_after_a_stop_at_each_step() {
    let seed = load::now();
    println!("seed {seed}");
    let cases = Failpoint::ALL
        .iter()
        .flat_map(|point| HITS.map(|hits| (point.name(), hits)))
        // What several merges leave may be deleted in one go, so that there is no second time.
        .filter(|case| *case != ("merge.delete", 2));
    let cases = Mutex::new(cases.collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                // The last ones are about dropping and take longest.
                while let Some((point, hits)) = { cases.lock().expect("cases").pop() } {
                    stop_at(point, hits, seed);
                }
            });
        }
    });
}

#[test]
fn an_unknown_step_is_refused() {
    let finished = Options::default().flag("--debug.failpoint=nowhere").run();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("no failpoint \"nowhere\""),
        "{}",
        finished.stderr
    );
}

fn stop_at(point: &str, hits: u32, seed: u64) {
    let dir = tempfile::tempdir().expect("temporary directory");
    let options = |retention: &str| {
        Options::default()
            .data_dir(dir.path())
            .flag("--storage.maxHeadBytes=1MiB")
            .flag(format!("--search.maxTraces={}", load::MAX_TRACES))
            .flag(format!("--retentionPeriod={retention}"))
    };
    let old = [Load::new(seed, 1, &[6]), Load::new(seed, 2, &[5])];
    let mut server = options("8d").start();
    for load in &old {
        load.run(0, &server.url(""), 3);
    }
    let (status, body) = server.post("/internal/force_flush", "", b"");
    assert_eq!(status, 200, "{body}");
    server.kill();

    server.start_again_with(options("3d").flag(format!("--debug.failpoint={point}:{hits}")));
    let load = Load::new(seed, 3, &[0, 1, 2]);
    run_until_it_ends(&mut server, &load, &format!("{point}:{hits}"));

    let mut random = Random::new(seed);
    server.start_again_with(options("8d"));
    load.check(&server);
    println!("{point}:{hits}: {}", load.summary());
    let dropped = old.each_ref().map(|load| load.check_whole_or_dropped(&server));
    if point.contains("drop") {
        assert!(dropped.contains(&true), "{point}:{hits}: no day was dropped");
    }
    let kept = || {
        old.iter()
            .zip(dropped)
            .filter(|(_, dropped)| !dropped)
            .map(|(load, _)| load)
    };
    let stored = || load.stored_spans() + kept().map(Load::stored_spans).sum::<usize>();
    load::wait_for_stored_spans(&server, stored());
    load.send_again(&server, &mut random);
    load.check_by_search(&server);
    assert_log_is_clean(&server);
    assert!(server.stop().success(), "{}", server.log());

    server.start_again();
    load.check(&server);
    kept().for_each(|load| load.check(&server));
    load::wait_for_stored_spans(&server, stored());
    assert_log_is_clean(&server);
    assert!(server.stop().success(), "{}", server.log());
}

fn run_until_it_ends(server: &mut Server, load: &Load, label: &str) {
    load.expect_end();
    let url = server.url("");
    let url = url.as_str();
    let status = std::thread::scope(|scope| {
        for lane in 0..2 {
            scope.spawn(move || load.run(lane, url, REQUESTS));
        }
        scope.spawn(move || load.stir(url, 100));
        let _stop = load.stop_on_drop();
        println!("{label}: waiting for the end");
        server.wait()
    });
    assert_eq!(status.signal(), Some(SIGABRT), "{label}: {status}\n{}", server.log());
    assert!(!server.log().contains("panicked"), "{label}:\n{}", server.log());
}

fn assert_log_is_clean(server: &Server) {
    let log = server.log();
    let bad = ["ERROR", "WARN", "panicked"];
    let line = log.lines().find(|line| bad.iter().any(|text| line.contains(text)));
    assert_eq!(line, None, "in the log");
}
