//! What the cases are asked about: four spans of two services, two seconds apart, from a round moment on.

use super::target::Target;
use serde_json::{Value, json};

/// 2026-11-20T00:00:00Z
pub const START: u64 = 1_795_132_800;
pub const SECOND: u64 = 1_000_000_000;

/// The account that has the spans.
pub const ACCOUNT: u32 = 0;

struct Given {
    service: &'static str,
    trace: &'static str,
    name: &'static str,
    route: Option<&'static str>,
    status: i64,
    millis: u64,
    exception: bool,
}

const SPANS: [Given; 4] = [
    Given {
        service: "kraken-api",
        trace: "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb",
        name: "test-span",
        route: Some("/orders"),
        status: 200,
        millis: 10,
        exception: false,
    },
    Given {
        service: "kraken-api",
        trace: "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb",
        name: "query",
        route: None,
        status: 0,
        millis: 4,
        exception: true,
    },
    Given {
        service: "kraken-web",
        trace: "cccccccccccccccccccccccccccccccc",
        name: "test-span",
        route: Some("/orders"),
        status: 500,
        millis: 700,
        exception: false,
    },
    Given {
        service: "other",
        trace: "dddddddddddddddddddddddddddddddd",
        name: "idle",
        route: None,
        status: 0,
        millis: 1,
        exception: false,
    },
];

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

fn span(place: u64, given: &Given) -> Value {
    let start = (START + 2 * place) * SECOND;
    let mut attributes = Vec::new();
    if let Some(route) = given.route {
        attributes.push(attribute("http.route", json!({"stringValue": route})));
        attributes.push(attribute(
            "http.status_code",
            json!({"intValue": given.status.to_string()}),
        ));
    }
    let event = json!({
        "timeUnixNano": start.to_string(),
        "name": "exception",
        "attributes": [attribute("exception.type", json!({"stringValue": "Oops"}))],
    });
    json!({
        "traceId": given.trace,
        "spanId": format!("{:016x}", place + 1),
        "name": given.name,
        "kind": 2,
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": (start + given.millis * 1_000_000).to_string(),
        "attributes": attributes,
        "events": if given.exception { vec![event] } else { Vec::new() },
        "status": {},
    })
}

/// One request for each span.
pub fn write(target: &Target) {
    for (place, given) in (0..).zip(&SPANS) {
        target.write(ACCOUNT, &request(given.service, span(place, given)));
    }
}

/// A request with one span of a service.
pub fn request(service: &str, span: Value) -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": [attribute("service.name", json!({"stringValue": service}))]},
        "scopeSpans": [{"scope": {"name": "lib"}, "spans": [span]}],
    }]})
}
