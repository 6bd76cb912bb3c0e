//! The paths by which an operator looks at the real program.

use std::collections::BTreeSet;
use tests::process::{Options, Server};
use tests::sample;

#[test]
fn probes_answer() {
    let server = Server::new();
    assert_eq!(server.get("/health"), (200, "OK".to_owned()));
    assert_eq!(server.get("/-/healthy").0, 200);
    assert_eq!(server.get("/-/ready").0, 200);
    assert_eq!(server.get("/ping").0, 204);
    assert_eq!(server.get("/robots.txt").0, 200);
}

#[test]
fn what_does_not_exist_is_named() {
    let server = Server::new();
    assert_eq!(
        server.get("/no/such/path"),
        (404, "unsupported path: /no/such/path\n".to_owned())
    );
    for path in ["/internal/force_flush", "/internal/force_merge"] {
        assert_eq!(
            server.get(path),
            (405, format!("method GET is not allowed for {path}\n"))
        );
        assert_eq!(server.post(path, "", b"").0, 200, "POST {path}");
    }
}

#[test]
fn slashes_collapse_and_a_prefix_is_taken_off() {
    let server = Options::default().flag("--http.pathPrefix=/vt").start();
    assert_eq!(server.get("/vt/health").0, 200);
    assert_eq!(server.get("//vt///select//jaeger/api/services").0, 200);
    assert_eq!(server.get("/health").0, 404);
}

#[test]
fn metrics_are_in_the_text_format_of_prometheus() {
    let server = Server::new();
    server.send_otlp_json(&sample::trace("0af7651916cd43dd8448eb211c80319c", "shop", 3));
    server.get_json("/select/jaeger/api/services");
    server.get("/no/such/path");
    let (status, text) = server.get("/metrics");
    assert_eq!(status, 200);
    let names = check_exposition(&text);
    for name in [
        "vt_app_version",
        "vt_rows_ingested_total",
        "vt_http_requests_total",
        "vt_http_request_duration_seconds",
        "vt_tcp_connections",
        "vt_log_messages_total",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(names.contains(name), "{name} is missing in:\n{text}");
    }
    assert_eq!(server.metric("vt_http_requests_total{path=\"*\"}"), Some(1.0));
    assert!(server.metric("process_resident_memory_bytes").unwrap() > 1e6);
}

/// Asserts that each sample is well formed, follows its type, and stands once. Returns the metrics' names.
fn check_exposition(text: &str) -> BTreeSet<String> {
    let (mut typed, mut samples) = (BTreeSet::new(), BTreeSet::new());
    let mut current = ("", "");
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(declaration) = line.strip_prefix("# TYPE ") {
            current = declaration.split_once(' ').expect(line);
            assert!(
                ["counter", "gauge", "histogram", "summary"].contains(&current.1),
                "{line}"
            );
            assert!(typed.insert(current.0.to_owned()), "declared twice: {line}");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect(line);
        value.parse::<f64>().unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(samples.insert(series.to_owned()), "stands twice: {line}");
        let name = series.split('{').next().expect("a name");
        let suffixes: &[&str] = if current.1 == "histogram" {
            &["_bucket", "_sum", "_count"]
        } else {
            &[""]
        };
        let belongs = suffixes
            .iter()
            .any(|suffix| name.strip_suffix(suffix) == Some(current.0));
        assert!(belongs, "{line} follows the type of {}", current.0);
        assert!(
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            "{line}"
        );
    }
    typed
}

#[test]
fn flags_are_shown_with_their_source() {
    let server = Options::default().flag("--retentionPeriod=30d").start();
    let (status, flags) = server.get("/flags");
    assert_eq!(status, 200);
    assert!(flags.contains("-retentionPeriod=\"30d\" # command line\n"), "{flags}");
    assert!(
        flags.contains("-search.maxQueryDuration=\"30s\" # default\n"),
        "{flags}"
    );
}

#[test]
fn logs_are_json_lines_when_asked_for() {
    let server = Options::default().flag("--loggerFormat=json").start();
    for line in server.log().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        for field in ["timestamp", "level", "target", "message"] {
            assert!(event[field].is_string(), "{field} is missing in {line}");
        }
    }
}

#[test]
fn the_log_level_is_obeyed() {
    let finished = Options::default()
        .flag("--loggerLevel=ERROR")
        .flag("--httpListenAddr=203.0.113.1:1")
        .run();
    assert_eq!(finished.status.code(), Some(1));
    assert!(
        finished.stderr.contains("ERROR") && !finished.stderr.contains("INFO"),
        "{}",
        finished.stderr
    );
}
