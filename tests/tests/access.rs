//! Who may do what: each endpoint of each program for each kind of user, over HTTP and gRPC, as a table says.

use base64::Engine as _;
use common::access::AccessConfig;
use common::tenancy::TenantConfig;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tests::process::{Options, PATIENCE, Program, Server};
use tests::sample;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

/// What an endpoint needs.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Need {
    Nothing,
    Anybody,
    Insert,
    Select,
    Metrics,
    Admin,
}
use Need::{Admin, Anybody, Insert, Metrics, Nothing, Select};

const SINGLE: &[(&str, &str, Need)] = &[
    ("GET", "/robots.txt", Nothing),
    ("GET", "/health", Anybody),
    ("GET", "/-/healthy", Anybody),
    ("GET", "/-/ready", Anybody),
    ("GET", "/ping", Anybody),
    ("GET", "/insert/ready", Anybody),
    ("GET", "/metrics", Metrics),
    ("GET", "/flags", Admin),
    ("POST", "/internal/force_flush", Admin),
    ("POST", "/internal/snapshot/list", Admin),
    ("POST", "/internal/snapshot/create?name=a", Admin),
    ("POST", "/internal/snapshot/delete?name=a", Admin),
    ("POST", "/internal/force_merge", Admin),
    ("GET", "/", Admin),
    ("GET", "/unknown", Admin),
    ("POST", "/v1/traces", Insert),
    ("POST", "/insert/opentelemetry/v1/traces", Insert),
    ("POST", "//insert///opentelemetry/v1/traces", Insert),
    ("GET", "/select/unknown", Select),
    ("GET", "/select/jaeger/api/services", Select),
    ("GET", "/jaeger/api/services", Select),
    ("GET", "//jaeger//api/services", Select),
    ("GET", "/select/jaeger/api/services/x/operations", Select),
    ("GET", "/select/jaeger/api/operations?service=x", Select),
    ("GET", "/select/jaeger/api/traces?service=x", Select),
    (
        "GET",
        "/select/jaeger/api/traces/0af7651916cd43dd8448eb211c80319c",
        Select,
    ),
    ("GET", "/select/jaeger/api/dependencies?endTs=1&lookback=1", Select),
    ("POST", "/select/jaeger/api/archive/1", Select),
    ("POST", "/select/jaeger/api/transform", Select),
    ("GET", "/select/jaeger/api/metrics/latencies", Select),
    ("GET", "/select/jaeger/api/metrics/calls", Select),
    ("GET", "/select/jaeger/api/metrics/errors", Select),
    ("GET", "/select/jaeger/api/metrics/minstep", Select),
    ("GET", "/select/logsql/query?query=*", Select),
    ("POST", "/select/logsql/query?query=*", Select),
    ("GET", "/select/logsql/hits?query=*", Select),
    ("GET", "/select/logsql/facets?query=*", Select),
    ("GET", "/select/logsql/stats_query?query=*|count()", Select),
    ("GET", "/select/logsql/stats_query_range?query=*|count()", Select),
    ("GET", "/select/logsql/field_names?query=*", Select),
    ("GET", "/select/logsql/field_values?query=*&field=x", Select),
    ("GET", "/select/logsql/stream_field_names?query=*", Select),
    ("GET", "/select/logsql/stream_field_values?query=*&field=x", Select),
    ("GET", "/select/logsql/streams?query=*", Select),
    ("GET", "/select/logsql/stream_ids?query=*", Select),
    ("GET", "/select/logsql/tail", Select),
    ("GET", "/select/logsql/query_time_range?query=*", Select),
];

const STORAGE: &[(&str, &str, Need)] = &[
    ("GET", "/health", Anybody),
    ("GET", "/metrics", Metrics),
    ("GET", "/flags", Admin),
    ("GET", "/cluster/status", Admin),
    ("GET", "/cluster/members", Admin),
    ("GET", "/cluster/slots", Admin),
    ("GET", "/cluster/settings", Admin),
    ("POST", "/cluster/settings", Admin),
    ("GET", "/cluster/raft", Admin),
    ("GET", "/cluster/in_sync", Anybody),
    ("GET", "/internal/digest", Admin),
    ("POST", "/internal/force_flush", Admin),
    ("POST", "/internal/snapshot/list", Admin),
    ("POST", "/internal/snapshot/create?name=a", Admin),
    ("POST", "/internal/snapshot/delete?name=a", Admin),
    ("POST", "/internal/force_merge", Admin),
    ("GET", "/cluster/unknown", Admin),
];

/// Who comes.
struct Caller {
    name: &'static str,
    header: Option<String>,
    rights: &'static [Need],
    /// The credentials are somebody's
    is_known: bool,
}

/// Rights, each with the token of the user that has it alone.
const TOKENS: [(&str, &str); 4] = [
    ("insert", "insert-token"),
    ("select", "select-token"),
    ("metrics", "metrics-token"),
    ("admin", "admin-token"),
];

fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn basic(name: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    format!("Basic {pair}")
}

/// Users with one right each, and one with a password who may insert and select for one tenant of his own.
fn users(open: &str) -> String {
    let mut text = format!("open = [{open}]\n");
    for (right, token) in TOKENS {
        let digest = sha256(token);
        let user = format!("name = \"{right}\"\ntoken_sha256 = \"{digest}\"\nrights = [\"{right}\"]");
        writeln!(text, "[[user]]\n{user}\ntenants = [\"0:0\"]").unwrap();
    }
    let hash = bcrypt::hash("open sesame", 4).unwrap();
    let user = format!("name = \"other\"\npassword_hash = \"{hash}\"\nrights = [\"insert\", \"select\"]");
    writeln!(text, "[[user]]\n{user}\ntenants = [\"7:1\", \"7:*\"]").unwrap();
    text
}

fn callers() -> Vec<Caller> {
    let known = |name, header: String, rights| Caller {
        name,
        header: Some(header),
        rights,
        is_known: true,
    };
    let stranger = |name, header: Option<String>| Caller {
        name,
        header,
        rights: &[],
        is_known: false,
    };
    vec![
        stranger("nobody", None),
        stranger("wrong token", Some("Bearer wrong".to_owned())),
        stranger("wrong password", Some(basic("other", "shut"))),
        stranger("unknown user", Some(basic("admin", "open sesame"))),
        stranger(
            "a digest is no token",
            Some(format!("Bearer {}", sha256("admin-token"))),
        ),
        stranger("another scheme", Some("Digest username=\"admin\"".to_owned())),
        known("insert", "Bearer insert-token".to_owned(), &[Insert]),
        known("select", "bearer select-token".to_owned(), &[Select]),
        known("metrics", "Bearer metrics-token".to_owned(), &[Metrics]),
        known("admin", "Bearer admin-token".to_owned(), &[Admin]),
        known("other", basic("other", "open sesame"), &[Insert, Select]),
    ]
}

/// 401, 403, or anything else for what is let through.
fn expected(caller: &Caller, need: Need) -> Option<u16> {
    match (need, caller.is_known) {
        (Nothing, _) => None,
        (_, false) => Some(401),
        (Anybody, true) => None,
        (need, true) if caller.rights.contains(&need) => None,
        _ => Some(403),
    }
}

fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let client = server.with_headers(headers);
    match method {
        "GET" => client.get(path).0,
        _ => client.post(path, "application/json", b"{}").0,
    }
}

fn check(server: &Server, endpoints: &[(&str, &str, Need)]) {
    for caller in callers() {
        let header = caller.header.as_deref().map(|value| ("Authorization", value));
        let headers: Vec<_> = header.into_iter().collect();
        for (method, path, need) in endpoints {
            let status = ask(server, method, path, &headers);
            let refused = Some(status).filter(|status| [401, 403].contains(status));
            assert_eq!(
                refused,
                expected(&caller, *need),
                "{method} {path} by {}: {status}",
                caller.name
            );
        }
    }
}

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn users(&self, open: &str) -> PathBuf {
        self.write("users.toml", &users(open))
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

#[test]
fn each_endpoint_of_a_single_node_is_for_those_with_its_right() {
    let place = Place::new();
    let server = Options::default().flag(flag("auth.config", &place.users(""))).start();
    check(&server, SINGLE);
    let log = server.log();
    assert!(!log.contains("sesame") && !log.contains("-token"), "{log}");
    let flags = server
        .with_headers(&[("Authorization", "Bearer admin-token")])
        .get("/flags")
        .1;
    assert!(!flags.contains("sesame") && flags.contains("auth.config"), "{flags}");
}

#[test]
fn each_endpoint_of_a_storage_node_is_for_those_with_its_right() {
    let place = Place::new();
    let server = Options::of(Program::Storage)
        .flag(flag("auth.config", &place.users("")))
        .flag(flag("cluster.secretFile", &place.write("secret", "x")))
        .start();
    check(&server, STORAGE);
}

#[test]
fn health_and_metrics_can_be_opened_each_on_its_own() {
    for (open, health, metrics) in [("", 401, 401), ("\"health\"", 200, 401), ("\"metrics\"", 401, 200)] {
        let place = Place::new();
        let server = Options::default().flag(flag("auth.config", &place.users(open))).start();
        let statuses = (
            server.get("/health").0,
            server.get("/metrics").0,
            server.get("/flags").0,
        );
        assert_eq!(statuses, (health, metrics, 401), "open = [{open}]");
    }
}

#[test]
fn a_user_names_only_his_tenants() {
    let place = Place::new();
    let server = Options::default().flag(flag("auth.config", &place.users(""))).start();
    let other = basic("other", "open sesame");
    let status = |account, project, path: &str| {
        let headers = [
            ("Authorization", other.as_str()),
            ("AccountID", account),
            ("ProjectID", project),
        ];
        let (method, path) = path.split_once(' ').unwrap();
        ask(&server, method, path, &headers)
    };
    for path in [
        "GET /jaeger/api/services",
        "GET /select/logsql/streams?query=*",
        "POST /v1/traces",
    ] {
        assert_eq!(status("7", "1", path), 200, "{path}");
        assert_eq!(status("7", "9", path), 200, "{path}");
        assert_eq!(status("0", "0", path), 403, "{path}");
        assert_eq!(status("8", "1", path), 403, "{path}");
        assert_eq!(status("x", "1", path), 400, "{path}");
    }
    // Who names no tenant means his own.
    let headers = [("Authorization", other.as_str())];
    let own = server.with_headers(&headers);
    own.send_otlp_json(&sample::trace("0af7651916cd43dd8448eb211c80319c", "shop", 1));
    let named = server.with_headers(&[headers[0], ("AccountID", "7"), ("ProjectID", "1")]);
    for client in [own, named] {
        let services = client.get_json("/jaeger/api/services");
        assert_eq!(services["data"], serde_json::json!(["shop"]));
    }
}

#[test]
fn changed_users_are_known_without_a_restart() {
    let place = Place::new();
    let path = place.users("");
    let server = Options::default().flag(flag("auth.config", &path)).start();
    let status = |token: &str| ask(&server, "GET", "/jaeger/api/services", &[("Authorization", token)]);
    assert_eq!(status("Bearer select-token"), 200);
    fs::write(&path, users("").replace(&sha256("select-token"), &sha256("new-token"))).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while status("Bearer new-token") != 200 {
        assert!(Instant::now() < deadline, "the new user is not known");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(status("Bearer select-token"), 401);
    // A bad file changes nothing.
    fs::write(&path, "[[user]]\nname = \"x\"\npassword = \"open sesame\"\n").unwrap();
    let line = server.wait_for_log("keeping the users as before");
    assert!(line.contains("line 3") && !line.contains("sesame"), "{line}");
    assert_eq!(status("Bearer new-token"), 200);
}

#[test]
fn a_bad_file_of_users_is_an_error_at_the_start() {
    let place = Place::new();
    let missing = place.dir.path().join("missing");
    let bad = place.write("bad.toml", "[[user]]\nname = \"x\"\n");
    for path in [missing, bad] {
        let ended = Options::default().flag(flag("auth.config", &path)).run();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(!ended.status.success());
        let said = ended.stdout + &ended.stderr;
        assert!(said.contains(&name), "{said}");
    }
}

async fn export(server: &Server, authorization: Option<&str>, tenant: Option<&str>) -> Code {
    let url = format!("http://{}", server.grpc_addr());
    let mut client = TraceServiceClient::connect(url).await.unwrap();
    let spans = sample::trace("0af7651916cd43dd8448eb211c80319c", "shop", 1);
    let mut request = Request::new(serde_json::from_value::<ExportTraceServiceRequest>(spans).unwrap());
    let metadata = request.metadata_mut();
    if let Some(value) = authorization {
        metadata.insert("authorization", MetadataValue::try_from(value).unwrap());
    }
    if let Some(value) = tenant {
        metadata.insert("accountid", MetadataValue::try_from(value).unwrap());
    }
    client
        .export(request)
        .await
        .map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_by_grpc_need_the_same_rights() {
    let place = Place::new();
    let server = Options::default().flag(flag("auth.config", &place.users(""))).start();
    let other = basic("other", "open sesame");
    for (authorization, tenant, code) in [
        (None, None, Code::Unauthenticated),
        (Some("Bearer wrong"), None, Code::Unauthenticated),
        (Some(basic("other", "shut").as_str()), None, Code::Unauthenticated),
        (Some("Bearer select-token"), None, Code::PermissionDenied),
        (Some("Bearer insert-token"), None, Code::Ok),
        (Some("Bearer insert-token"), Some("7"), Code::PermissionDenied),
        (Some("Bearer insert-token"), Some("x"), Code::InvalidArgument),
        (Some(other.as_str()), Some("7"), Code::Ok),
        (Some(other.as_str()), None, Code::Ok),
    ] {
        assert_eq!(
            export(&server, authorization, tenant).await,
            code,
            "{authorization:?} {tenant:?}"
        );
    }
}

#[test]
fn the_answer_asks_for_credentials() {
    let place = Place::new();
    let server = Options::default().flag(flag("auth.config", &place.users(""))).start();
    let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let answer = agent.get(server.url("/jaeger/api/services")).call().unwrap();
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Basic realm="), "{challenge}");
}

#[tokio::test]
async fn the_files_in_the_documentation_are_good() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/security.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let [users, tenants] = blocks.as_slice() else {
        panic!("{} files", blocks.len())
    };
    let place = Place::new();
    let access = AccessConfig {
        auth_config: Some(place.write("users.toml", users)),
    };
    assert!(access.access().is_ok(), "{:?}", access.access().err());
    let tenancy = TenantConfig {
        tenant_config: Some(place.write("tenants.toml", tenants)),
    };
    assert!(tenancy.tenants().is_ok(), "{:?}", tenancy.tenants().err());
}
