//! The end of the real program, orderly or not, and what is there afterwards.

use tests::process::{Options, Server};
use tests::sample;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn spans_of(server: &Server, trace_id: &str) -> usize {
    let answer = server.get_json(&format!("/select/jaeger/api/traces/{trace_id}"));
    answer["data"][0]["spans"].as_array().expect("spans").len()
}

#[test]
fn spans_survive_an_orderly_restart() {
    let mut server = Server::new();
    server.send_otlp_json(&sample::trace(TRACE, "shop", 5));
    assert_eq!(spans_of(&server, TRACE), 5);
    let status = server.stop();
    assert!(status.success(), "{status}:\n{}", server.log());
    assert!(
        server.log().contains("SIGTERM") && server.log().contains("stopped"),
        "{}",
        server.log()
    );
    server.start_again();
    assert_eq!(spans_of(&server, TRACE), 5);
    assert_eq!(
        server.get_json("/select/jaeger/api/services")["data"],
        serde_json::json!(["shop"])
    );
}

#[test]
fn spans_survive_a_kill() {
    let mut server = Server::new();
    for round in 0..3u32 {
        let id = format!("{:032x}", 0xabc0 + round);
        server.send_otlp_json(&sample::trace(&id, "shop", 5));
        server.kill();
        server.start_again();
        for known in 0..=round {
            assert_eq!(
                spans_of(&server, &format!("{:032x}", 0xabc0 + known)),
                5,
                "round {round}"
            );
        }
    }
}

#[test]
fn spans_survive_a_restart_after_a_flush() {
    let mut server = Server::new();
    server.send_otlp_json(&sample::trace(TRACE, "shop", 5));
    let (status, body) = server.post("/internal/force_flush", "", b"");
    assert_eq!(status, 200, "{body}");
    assert_eq!(spans_of(&server, TRACE), 5);
    server.kill();
    server.start_again();
    assert_eq!(spans_of(&server, TRACE), 5);
}

#[test]
fn health_ends_before_requests_do() {
    let mut server = Options::default().flag("--http.shutdownDelay=1h").start();
    server.terminate();
    server.wait_for_log("shutting down");
    // The log line comes first: the phase changes right after it.
    while server.get("/health").0 == 200 {
        std::thread::yield_now();
    }
    assert_eq!(server.get("/-/ready").0, 503);
    assert_eq!(server.get("/-/healthy").0, 200);
    server.send_otlp_json(&sample::trace(TRACE, "shop", 5));
    assert_eq!(spans_of(&server, TRACE), 5);
    server.terminate();
    let status = server.wait();
    assert!(status.success(), "{status}:\n{}", server.log());
    server.start_again_with(Options::default());
    assert_eq!(spans_of(&server, TRACE), 5);
}

#[test]
fn one_directory_has_one_server() {
    let server = Server::new();
    let finished = Options::default().data_dir(server.data_dir()).run();
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    assert!(
        finished.stderr.contains(&server.data_dir().display().to_string()),
        "{}",
        finished.stderr
    );
}
