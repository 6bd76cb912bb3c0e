//! The traps: shapes of empty and failed answers, parameters, ids, names that need encoding, typed values.

use super::target::{Reply, Target};
use serde_json::{Value, json};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

const ACCOUNT: u32 = 6;
const EMPTY: u32 = 7;
const TRACE: &str = "a102030405060708090a0b0c0d0e0f10";

/// Three days ago, in nanoseconds with all digits.
fn start() -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    *START.get_or_init(|| {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock after 1970");
        (now.as_secs() - 3 * 86_400) * 1_000_000_000 + 123_456_789
    })
}

pub fn run(target: &Target) {
    empty_answers(target);
    failures(target);
    target.write(ACCOUNT, &typed_trace());
    one_trace(target);
    several_traces(target);
    names(target);
    special_tags(target);
    other_calls(target);
}

fn success(data: Value, total: u64) -> Value {
    json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null})
}

fn ok(reply: &Reply) -> Value {
    assert_eq!(
        (reply.status, reply.content_type.as_str()),
        (200, "application/json"),
        "{reply:?}"
    );
    reply.json()
}

fn empty_answers(target: &Target) {
    for (path, data) in [
        ("/api/services", json!([])),
        ("/api/services/none/operations", Value::Null),
        ("/api/operations?service=none", json!([])),
        ("/api/operations?service=none&spanKind=odd", json!([])),
        ("/api/traces", json!([])),
        ("/api/traces?service=none", json!([])),
        ("/api/dependencies", json!([])),
    ] {
        assert_eq!(ok(&target.get(EMPTY, path)), success(data, 0), "{path}");
    }
}

fn failures(target: &Target) {
    for (path, code, message) in [
        ("/api/traces/1", 404, "trace not found"),
        ("/api/traces/xyz", 400, "cannot parse traceID"),
        ("/api/traces/1?start=soon", 400, "unable to parse param 'start'"),
        ("/api/traces?start=soon", 400, "unable to parse param 'start'"),
        ("/api/traces?tags=1", 400, "malformed 'tags' parameter"),
        ("/api/traces?tag=a", 400, "malformed 'tag' parameter"),
        ("/api/traces?minDuration=2s&maxDuration=1s", 400, "maxDuration"),
        ("/api/traces?limit=0", 400, "limit"),
        ("/api/traces?traceID=xyz", 400, "cannot parse traceID"),
        ("/api/operations", 400, "parameter 'service' is required"),
        ("/api/dependencies?lookback=1h", 400, "unable to parse param 'lookback'"),
        ("/api/metrics/calls", 400, "service"),
        ("/api/metrics/latencies?service=a", 400, "quantile"),
        ("/api/metrics/latencies?service=a&quantile=0.95", 501, "metrics"),
        ("/api/metrics/errors?service=a", 501, "metrics"),
    ] {
        let reply = target.get(EMPTY, path);
        assert_eq!(
            (reply.status, reply.content_type.as_str()),
            (code, "text/plain; charset=utf-8"),
            "{path}"
        );
        assert!(reply.body.ends_with("}\n"), "{path}");
        let mut body = reply.json();
        let error = body["errors"][0].take();
        assert_eq!(error["code"], code, "{path}");
        assert!(
            error["msg"].as_str().expect("a text").contains(message),
            "{path}: {error}"
        );
        assert_eq!(
            body,
            json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": [null]}),
            "{path}"
        );
    }
    let unknown = target.get(EMPTY, "/api/nothing");
    assert_eq!((unknown.status, unknown.body.as_str()), (404, "404 page not found\n"));
}

fn typed_trace() -> Value {
    let child = json!({
        "traceId": TRACE, "spanId": "0000000000000002", "parentSpanId": "0000000000000001", "name": "GET /cart",
        "kind": 3, "startTimeUnixNano": (start() + 1_000).to_string(), "endTimeUnixNano": (start() + 5_999).to_string(),
        "traceState": "a=b",
        "attributes": [
            {"key": "z.last", "value": {"stringValue": "s"}},
            {"key": "big", "value": {"intValue": "9223372036854775222"}},
            {"key": "int", "value": {"intValue": "200"}},
            {"key": "double", "value": {"doubleValue": 72.5}},
            {"key": "bool", "value": {"boolValue": true}},
            {"key": "bytes", "value": {"bytesValue": "AAAwOQ=="}},
            {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}},
        ],
        "events": [{"timeUnixNano": (start() + 2_000).to_string(), "name": "exception",
            "attributes": [{"key": "exception.type", "value": {"stringValue": "IoError"}}]}],
        "links": [{"traceId": "000000000000000000000000000000ff", "spanId": "00000000000000ff"}],
        "status": {"code": 2, "message": "boom"},
    });
    let root = json!({
        "traceId": TRACE, "spanId": "0000000000000001", "name": "root/slash",
        "startTimeUnixNano": start().to_string(), "endTimeUnixNano": (start() + 9_000).to_string(),
    });
    let service = |name: &str| json!({"attributes": [{"key": "service.name", "value": {"stringValue": name}}]});
    let groups = [
        json!({"resource": service("web/front end"), "scopeSpans": [{"spans": [root]}]}),
        json!({"resource": service("a+b%2Fc"), "scopeSpans": [{"scope": {"name": "lib", "version": "1"}, "spans": [child]}]}),
    ];
    json!({"resourceSpans": groups})
}

fn one_trace(target: &Target) {
    let path = format!("/api/traces/{TRACE}");
    let answer = ok(&target.get(ACCOUNT, &path));
    let tag = |key: &str, kind: &str, value: Value| json!({"key": key, "type": kind, "value": value});
    let micros = start() / 1_000;
    let root = json!({
        "traceID": TRACE, "spanID": "0000000000000001", "operationName": "root/slash", "references": [],
        "startTime": micros, "duration": 9, "tags": [], "logs": [], "processID": "p1", "warnings": null,
    });
    let child = json!({
        "traceID": TRACE, "spanID": "0000000000000002", "operationName": "GET /cart",
        "references": [
            {"refType": "CHILD_OF", "traceID": TRACE, "spanID": "0000000000000001"},
            {"refType": "FOLLOWS_FROM", "traceID": "00000000000000ff", "spanID": "00000000000000ff"},
        ],
        "startTime": micros + 1, "duration": 4,
        "tags": [
            tag("otel.scope.name", "string", json!("lib")),
            tag("otel.scope.version", "string", json!("1")),
            tag("big", "int64", json!("9223372036854775222")),
            tag("bool", "bool", json!(true)),
            tag("bytes", "binary", json!("AAAwOQ==")),
            tag("double", "float64", json!(72.5)),
            tag("int", "int64", json!(200)),
            tag("list", "string", json!("[\"a\",1]")),
            tag("z.last", "string", json!("s")),
            tag("span.kind", "string", json!("client")),
            tag("otel.status_code", "string", json!("ERROR")),
            tag("error", "bool", json!(true)),
            tag("otel.status_description", "string", json!("boom")),
            tag("w3c.tracestate", "string", json!("a=b")),
        ],
        "logs": [{"timestamp": micros + 2, "fields": [
            tag("event", "string", json!("exception")),
            tag("exception.type", "string", json!("IoError")),
        ]}],
        "processID": "p2", "warnings": null,
    });
    let processes = json!({
        "p1": {"serviceName": "web/front end", "tags": []},
        "p2": {"serviceName": "a+b%2Fc", "tags": []},
    });
    let trace = json!({"traceID": TRACE, "spans": [root, child], "processes": processes, "warnings": null});
    assert_eq!(answer, success(json!([trace]), 0));

    // Any case, the hints in either unit, indented, by another tenant, as stored.
    assert_eq!(
        ok(&target.get(ACCOUNT, &format!("/api/traces/{}", TRACE.to_uppercase()))),
        answer
    );
    assert_eq!(
        ok(&target.get(
            ACCOUNT,
            &format!("{path}?start={}&end={}", micros / 1_000, micros / 1_000)
        )),
        answer
    );
    assert_eq!(
        ok(&target.get(ACCOUNT, &format!("{path}?start={micros}&end={micros}"))),
        answer
    );
    assert_eq!(ok(&target.get(ACCOUNT, "/api/traces/oQIDBAUGBwgJCgsMDQ4PEA==")), answer);
    let pretty = target.get(ACCOUNT, &format!("{path}?prettyPrint=true"));
    assert!(
        pretty
            .body
            .starts_with("{\n    \"data\": [\n        {\n            \"traceID\""),
        "{}",
        pretty.body
    );
    assert_eq!(ok(&pretty), answer);
    assert_eq!(target.get(EMPTY, &path).status, 404);
    let raw = ok(&target.get(ACCOUNT, &format!("{path}?raw=true")));
    assert_eq!(raw["data"][0]["spans"][1]["tags"][2]["key"], "z.last");
}

fn several_traces(target: &Target) {
    let reply = ok(&target.get(
        ACCOUNT,
        &format!("/api/traces?traceID={TRACE}&traceID=abc&traceID={TRACE}"),
    ));
    assert_eq!(reply["data"].as_array().expect("traces").len(), 1);
    assert_eq!(
        reply["errors"],
        json!([{"msg": "trace not found", "traceID": "0000000000000abc"}])
    );
    let found = |params: &str| {
        let window = format!("start={}&end={}", start() / 1_000, start() / 1_000 + 1);
        ok(&target.get(ACCOUNT, &format!("/api/traces?{window}&{params}")))["data"]
            .as_array()
            .expect("traces")
            .len()
    };
    assert_eq!(found(""), 1);
    assert_eq!(found("minDuration=9us&maxDuration=9us"), 1);
    assert_eq!(found("minDuration=9.001us"), 0);
    assert_eq!(found("operation=GET+/cart&minDuration=5us"), 0);
    assert_eq!(
        ok(&target.get(ACCOUNT, "/api/traces"))["data"],
        json!([]),
        "the default looks two days back"
    );
}

/// A service is decoded twice; one whose name looks encoded is found all the same.
fn names(target: &Target) {
    assert_eq!(
        ok(&target.get(ACCOUNT, "/api/services")),
        success(json!(["a+b%2Fc", "web/front end"]), 2)
    );
    for encoded in ["web%2Ffront%20end", "web%252Ffront%2520end", "web%2Ffront+end"] {
        let reply = ok(&target.get(ACCOUNT, &format!("/api/services/{encoded}/operations")));
        assert_eq!(reply, success(json!(["root/slash"]), 1), "{encoded}");
    }
    let reply = ok(&target.get(ACCOUNT, "/api/services/a%2Bb%252Fc/operations"));
    assert_eq!(reply, success(json!(["GET /cart"]), 1));
    let client = json!([{"name": "GET /cart", "spanKind": "client"}]);
    let reply = target.query(
        ACCOUNT,
        "/api/operations",
        [("service", "a+b%2Fc"), ("spanKind", "client")],
    );
    assert_eq!(ok(&reply), success(client, 1));
    let reply = target.query(
        ACCOUNT,
        "/api/operations",
        [("service", "a+b%2Fc"), ("spanKind", "server")],
    );
    assert_eq!(ok(&reply), success(json!([]), 0));
}

fn special_tags(target: &Target) {
    let (start, end) = ((start() / 1_000).to_string(), (start() / 1_000 + 1_000).to_string());
    let found = |tags: Value| {
        let tags = tags.to_string();
        let reply = target.query(
            ACCOUNT,
            "/api/traces",
            [("start", &*start), ("end", &*end), ("tags", &*tags)],
        );
        !ok(&reply)["data"].as_array().expect("traces").is_empty()
    };
    for tags in [
        json!({"error": "true"}),
        json!({"error": "false"}),
        json!({"span.kind": "client", "error": "true", "int": "200", "exception.type": "IoError"}),
        json!({"otel.scope.name": "lib", "w3c.tracestate": "a=b", "otel.status_description": "boom"}),
        json!({"resource_attr:service.name": "a+b%2Fc", "double": "72.5"}),
        json!({"service.name": "~^web", "error": "false"}),
        json!({"event": "exception"}),
    ] {
        assert!(found(tags.clone()), "{tags}");
    }
    for tags in [
        json!({"error": "true", "service.name": "web/front end"}),
        json!({"span.kind": "server"}),
        json!({"scope_attr:int": "200"}),
        json!({"int": "20"}),
    ] {
        assert!(!found(tags.clone()), "{tags}");
    }
}

fn other_calls(target: &Target) {
    let archive = target.post(&format!("/api/archive/{TRACE}"), "");
    assert_eq!(archive.status, 500, "{archive:?}");
    assert_eq!(target.post("/api/archive/xyz", "").status, 400);
    assert_eq!(target.post("/api/transform", "{").status, 400);
    assert_eq!(
        ok(&target.post("/api/transform", r#"{"resourceSpans":[]}"#)),
        success(json!([]), 0)
    );
}
