//! The configuration of the real program: flags, environment, file, and what it says about mistakes.

use tests::process::{Options, Server};

fn flag<'a>(flags: &'a str, name: &str) -> &'a str {
    let start = format!("-{name}=");
    flags
        .lines()
        .find_map(|line| line.strip_prefix(&start))
        .unwrap_or_else(|| panic!("no {name} in:\n{flags}"))
}

#[test]
fn each_layer_overrides_the_one_below() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("vt.toml");
    std::fs::write(
        &file,
        "retentionPeriod = \"3d\"\nfutureRetention = \"1d\"\n[search]\nmaxTraces = 5\n",
    )
    .unwrap();
    let server = Options::default()
        .flag(format!("-config={}", file.display()))
        .flag("-search.maxTraces=7")
        .env("VT_RETENTIONPERIOD", "4d")
        .env("VT_search_maxTraces", "6")
        .start();
    let (status, flags) = server.get("/flags");
    assert_eq!(status, 200);
    assert_eq!(
        flag(&flags, "futureRetention"),
        format!("\"1d\" # file {}", file.display())
    );
    assert_eq!(
        flag(&flags, "retentionPeriod"),
        "\"4d\" # environment variable VT_RETENTIONPERIOD"
    );
    assert_eq!(flag(&flags, "search.maxTraces"), "\"7\" # command line");
    assert_eq!(flag(&flags, "loggerFormat"), "\"default\" # default");
    server.wait_for_log("VT_RETENTIONPERIOD");
}

#[test]
fn mistakes_are_named_with_the_nearest_right_name() {
    let finished = Options::default().flag("--retentionPerod=3d").run();
    assert_eq!(finished.status.code(), Some(2));
    assert_eq!(
        finished.stderr.trim(),
        "vtsingle: unknown flag --retentionPerod; did you mean --retentionPeriod?"
    );

    let finished = Options::default().env("VT_LOGGER_FORMAT", "json").run();
    assert_eq!(finished.status.code(), Some(2));
    assert_eq!(
        finished.stderr.trim(),
        "vtsingle: unknown environment variable VT_LOGGER_FORMAT; did you mean VT_loggerFormat?"
    );

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("vt.toml");
    std::fs::write(&file, "[search]\nmaxTrace = 5\n").unwrap();
    let finished = Options::default().flag(format!("--config={}", file.display())).run();
    assert_eq!(finished.status.code(), Some(2));
    assert!(
        finished.stderr.contains("did you mean search.maxTraces?"),
        "{}",
        finished.stderr
    );
}

#[test]
fn bad_values_are_refused() {
    for (bad, expected) in [
        (
            "--retentionPeriod=soon",
            "bad value \"soon\" for --retentionPeriod, set by command line",
        ),
        (
            "--httpListenAddr=here",
            "bad value \"here\" for --httpListenAddr, set by command line",
        ),
        (
            "--loggerLevel=LOUD",
            "bad value \"LOUD\" for --loggerLevel, set by command line",
        ),
    ] {
        let finished = Options::default().flag(bad).run();
        assert_eq!(finished.status.code(), Some(2), "{bad}");
        assert!(finished.stderr.contains(expected), "{bad}: {}", finished.stderr);
    }
}

#[test]
fn a_retention_under_a_day_stops_the_start() {
    let finished = Options::default().flag("--retentionPeriod=5h").run();
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("less than a day"), "{}", finished.stderr);
}

#[test]
fn help_and_version_are_printed() {
    let help = Options::default().flag("--help").run();
    assert!(help.status.success());
    for part in [
        "--httpListenAddr",
        "VT_httpListenAddr",
        "[default: :10428]",
        "--storageDataPath",
        "--search.maxTraces",
    ] {
        assert!(help.stdout.contains(part), "{part} is missing in:\n{}", help.stdout);
    }
    let version = Options::default().flag("-version").run();
    assert!(version.status.success());
    assert_eq!(version.stdout.trim(), concat!("vtsingle ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_taken_port_stops_the_start_with_its_name() {
    let server = Server::new();
    let addr = server.http_addr();
    let finished = Options::default().flag(format!("--httpListenAddr={addr}")).run();
    assert_eq!(finished.status.code(), Some(1));
    assert!(
        finished.stderr.contains(&format!("cannot listen on {addr}")),
        "{}",
        finished.stderr
    );
}

#[test]
fn the_grpc_receiver_can_be_switched_off() {
    let server = Options::default().flag("--otlpGRPCListenAddr=").start();
    assert!(!server.log().contains("otlp-grpc"), "{}", server.log());
}
