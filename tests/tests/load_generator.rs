//! The load generator finds what is there, and finds what is missing.

use tests::process::Server;
use tests::vtgen::{Options, run};

fn options(insert: &Server, select: &Server) -> Options {
    Options {
        insert: vec![insert.url("")],
        select: select.url(""),
        rate: 4_000,
        seconds: 2,
        connections: 2,
        batch: 200,
        sample: 10,
        seed: Some(3),
    }
}

#[test]
fn nothing_is_lost_on_a_healthy_server() {
    let server = Server::new();
    let mut progress = Vec::new();
    let report = run(&options(&server, &server), &mut progress);
    assert!(report.is_good() && report.checked > 0, "{report:?}");
    assert!(report.checked < report.acknowledged, "a sample: {report:?}");
    let progress = String::from_utf8(progress).expect("text");
    assert!(
        progress.contains("sending") && progress.contains("0 lost"),
        "{progress}"
    );
}

#[test]
fn spans_that_are_not_there_are_counted() {
    let (server, empty) = (Server::new(), Server::new());
    // Few: a trace that is not whole is asked for several times.
    let few = Options {
        rate: 100,
        seconds: 1,
        batch: 50,
        sample: 3,
        ..options(&server, &empty)
    };
    let report = run(&few, &mut std::io::sink());
    assert!(report.acknowledged > 0 && report.failed == 0, "{report:?}");
    assert!(
        report.checked > 0 && report.lost == report.checked && !report.is_good(),
        "{report:?}"
    );
}
