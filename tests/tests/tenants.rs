//! Tenants: a tenant sees what is its own and nothing of another's, in every call of every API, by whatever header it is
//! named; and its limits are its own.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::Value;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tests::process::{Client, Options, Server};
use tests::sample;
use tonic::{Code, Request};

/// Both tenants have spans of this trace, with the same ids.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

const TENANTS: &str = r#"
[[tenant]]
id = "1:0"
names = ["alpha", "alpha-old"]
[[tenant]]
id = "2:5"
names = ["beta"]
[[tenant]]
id = "3:0"
names = ["slow"]
spans_per_second = 1
[[tenant]]
id = "4:0"
names = ["thin"]
bytes_per_second = "1KiB"
"#;

/// Calls whose answers name the tenant's own things, with `{now}` for the time in seconds.
const CALLS: &[&str] = &[
    "/select/jaeger/api/services",
    "/jaeger/api/services",
    "/jaeger/api/services/{me}-shop/operations",
    "/jaeger/api/operations?service={me}-shop",
    "/jaeger/api/traces?service={me}-shop",
    "/jaeger/api/traces/0af7651916cd43dd8448eb211c80319c",
    "/jaeger/api/traces?traceID=0af7651916cd43dd8448eb211c80319c",
    "/select/logsql/query?query=*",
    "/select/logsql/facets?query=*",
    "/select/logsql/hits?query=*&step=1d&field=name",
    "/select/logsql/stats_query?query=*|stats+by(name)count()",
    "/select/logsql/stats_query_range?query=*|stats+by(name)count()&step=1d",
    "/select/logsql/field_names?query=*",
    "/select/logsql/field_values?query=*&field=name",
    "/select/logsql/stream_field_values?query=*&field=name",
    "/select/logsql/streams?query=*",
    "/select/logsql/query?query=*|uniq+by(name)",
    "/select/logsql/query?query=name:in(*|fields+name)|fields+name",
];

/// The same calls about the other's things: their answers must be empty of them.
const PRYING: &[&str] = &[
    "/jaeger/api/services/{other}-shop/operations",
    "/jaeger/api/operations?service={other}-shop",
    "/jaeger/api/traces?service={other}-shop",
    "/jaeger/api/traces?tag={other}-key:1",
    "/select/logsql/query?query=name:{other}*",
    "/select/logsql/field_values?query=*&field=span_attr:{other}-key",
    "/select/logsql/stream_ids?query=*",
];

fn start(dir: &TempDir) -> Server {
    let path = dir.path().join("tenants.toml");
    std::fs::write(&path, TENANTS).unwrap();
    Options::default().flag(flag(&path)).start()
}

fn flag(path: &Path) -> String {
    format!("--tenant.config={}", path.display())
}

/// Spans that say in every text whose they are.
fn spans(whose: &str, count: u64) -> Value {
    let text = sample::trace(TRACE, &format!("{whose}-shop"), count).to_string();
    let text = text
        .replace("operation-", &format!("{whose}-operation-"))
        .replace("\"n\"", &format!("\"{whose}-key\""));
    serde_json::from_str(&text).unwrap()
}

fn count(client: &Client) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 10;
    let answer = client.get_json(&format!("/select/logsql/stats_query?query=*|count()+as+n&time={now}"));
    let result = &answer["data"]["result"];
    result[0]["value"][1].as_str().unwrap_or("0").to_owned()
}

fn check_isolation(server: &Server) {
    let named = |header, value| server.with_headers(&[(header, value)]);
    let numbered = |account, project| server.with_headers(&[("AccountID", account), ("ProjectID", project)]);
    for (me, other, spans, client) in [
        ("alpha", "beta", "3", named("X-Scope-OrgID", "alpha")),
        ("alpha", "beta", "3", named("x-tenant", "alpha-old")),
        ("alpha", "beta", "3", numbered("1", "0")),
        ("beta", "alpha", "2", named("X-Scope-OrgID", "beta")),
        ("beta", "alpha", "2", numbered("2", "5")),
    ] {
        for call in CALLS {
            let path = call.replace("{me}", me);
            let (status, body) = client.get(&path);
            assert_eq!(status, 200, "{path}: {body}");
            assert!(body.contains(me), "{me} {path}: {body}");
            assert!(!body.contains(other), "{me} {path}: {body}");
        }
        for call in PRYING {
            let path = call.replace("{other}", other);
            let (_, body) = client.get(&path);
            assert!(!body.contains(&format!("{other}-operation")), "{me} {path}: {body}");
            assert!(!body.contains(&format!("\"{other}-key\"")), "{me} {path}: {body}");
        }
        assert_eq!(count(&client), spans, "{me}");
    }
    // The tenant that is meant where none is named has nothing, nor have the neighbours of those that have.
    for client in [
        numbered("0", "0"),
        numbered("1", "5"),
        numbered("2", "0"),
        numbered("1", "1"),
    ] {
        for call in CALLS {
            let (_, body) = client.get(&call.replace("{me}", "alpha"));
            assert!(
                !body.contains("-operation-") && !body.contains("beta"),
                "{call}: {body}"
            );
        }
        assert_eq!(count(&client), "0");
    }
}

#[test]
fn a_tenant_never_sees_anothers() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir);
    let send = |name, spans: Value| server.with_headers(&[("X-Scope-OrgID", name)]).send_otlp_json(&spans);
    send("alpha", spans("alpha", 3));
    send("beta", spans("beta", 2));
    check_isolation(&server);
    assert_eq!(server.post("/internal/force_flush", "text/plain", b"").0, 200);
    assert_eq!(server.post("/internal/force_merge", "text/plain", b"").0, 200);
    check_isolation(&server);
}

#[test]
fn names_that_are_not_known_or_do_not_agree_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir);
    let body = spans("x", 1).to_string();
    for (headers, status) in [
        (vec![("X-Scope-OrgID", "alpha")], 200),
        (vec![("X-Scope-OrgID", "alpha"), ("x-tenant", "alpha-old")], 200),
        (vec![("X-Scope-OrgID", "gamma")], 400),
        (vec![("X-Scope-OrgID", "alpha"), ("x-tenant", "beta")], 400),
        (vec![("x-tenant", "alpha"), ("AccountID", "2")], 400),
    ] {
        let client = server.with_headers(&headers);
        let sent = client.post("/v1/traces", "application/json", body.as_bytes());
        assert_eq!(sent.0, status, "{headers:?}: {}", sent.1);
        assert_eq!(client.get("/jaeger/api/services").0, status, "{headers:?}");
    }
}

#[test]
fn a_tenant_over_its_limit_is_told_when_to_come_again_and_others_are_not_held_up() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir);
    let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let send = |name: &str| {
        let request = agent.post(server.url("/v1/traces")).header("X-Scope-OrgID", name);
        let answer = request
            .header("content-type", "application/json")
            .send(spans(name, 50).to_string());
        let answer = answer.unwrap();
        let delay = answer
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
        (answer.status().as_u16(), delay)
    };
    for (name, limit) in [("slow", "spans per second"), ("thin", "bytes per second")] {
        let number = if name == "slow" { "3:0" } else { "4:0" };
        assert_eq!(send(name), (200, None), "{name}");
        let (status, delay) = send(name);
        assert!(
            status == 429 && delay.is_some_and(|delay| delay >= 5),
            "{name}: {status} {delay:?}"
        );
        assert_eq!(send("alpha").0, 200);
        let metric = format!("vt_tenant_limit_reached_total{{tenant=\"{number}\",limit=\"{limit}\"}}");
        assert_eq!(server.metric(&metric), Some(1.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_names_hold_for_grpc_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(&dir);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc_addr()))
        .await
        .unwrap();
    let mut send = async |name: &'static str| {
        let spans = spans(name, 50);
        let mut request = Request::new(serde_json::from_value::<ExportTraceServiceRequest>(spans).unwrap());
        request.metadata_mut().insert("x-scope-orgid", name.parse().unwrap());
        client
            .export(request)
            .await
            .map_or_else(|status| status.code(), |_| Code::Ok)
    };
    assert_eq!(send("slow").await, Code::Ok);
    assert_eq!(send("slow").await, Code::ResourceExhausted);
    assert_eq!(send("beta").await, Code::Ok);
    assert_eq!(send("gamma").await, Code::InvalidArgument);
    let services = server
        .with_headers(&[("AccountID", "2"), ("ProjectID", "5")])
        .get_json("/jaeger/api/services");
    assert_eq!(services["data"], serde_json::json!(["beta-shop"]));
}
