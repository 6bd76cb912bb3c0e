//! The cases that Jaeger's suite builds in code (`programmatic_cases.json`), as far as version 1 of the API has them.

use super::data::DataSet;
use super::searches::{text, texts};
use super::target::Target;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: u64 = 1_000_000_000;

pub fn built_from_fixtures(target: &Target, data: &DataSet) {
    let cases = data.json("programmatic_cases.json");
    let case = |id: &str| {
        cases["cases"]
            .as_array()
            .expect("cases")
            .iter()
            .find(|case| case["id"] == id)
            .expect("a case")
    };
    let example = data.trace("example_trace");
    target.write(1, &example);

    let services = target.data(1, "/api/services");
    assert_eq!(texts(&services), texts(&case("GetServices")["expect_services_sorted"]));

    let expected = case("GetOperations");
    let operations = target.data(1, &format!("/api/operations?service={}", text(&expected["service"])));
    let pairs = |list: &Value, kind: &str| -> Vec<_> {
        list.as_array()
            .expect("a list")
            .iter()
            .map(|o| (text(&o["name"]), text(&o[kind])))
            .collect()
    };
    assert_eq!(
        pairs(&operations, "spanKind"),
        pairs(&expected["expect_sorted_by_name"], "span_kind_storage_and_v1")
    );

    let expected = case("GetTrace");
    let trace = target.data(1, &format!("/api/traces/{}", text(&expected["trace_id"])));
    assert_eq!(
        trace[0]["spans"].as_array().expect("spans").len() as u64,
        expected["expect_span_count"]
    );

    let unknown = text(&case("GetTrace/NotFound")["trace_id"]);
    assert_eq!(target.get(1, &format!("/api/traces/{unknown}")).status, 404);

    large_trace(target, &example, 2, 10_008, |_| false, 10_008);
    // Spans that share an id are not the same span.
    large_trace(target, &example, 3, 200, |n| n % 20 == 0, 190);
}

/// Copies of one span, a second apart, some keeping its id.
fn large_trace(target: &Target, example: &Value, account: u32, copies: u64, keeps_id: fn(u64) -> bool, unique: usize) {
    let mut group = example["resourceSpans"][0].clone();
    let original = group["scopeSpans"][0]["spans"][0].clone();
    let id = text(&original["traceId"]);
    let spans = (0..copies).map(|n| {
        let mut span = original.clone();
        if !keeps_id(n) {
            span["spanId"] = format!("{:016x}", n + 1_000).into();
        }
        for time in ["startTimeUnixNano", "endTimeUnixNano"] {
            let nanos: u64 = text(&span[time]).parse().expect("nanoseconds");
            span[time] = (nanos + (n + 1) * SECOND).to_string().into();
        }
        span
    });
    group["scopeSpans"][0]["spans"] = spans.collect::<Vec<_>>().into();
    target.write(account, &json!({"resourceSpans": [group]}));
    let trace = target.data(account, &format!("/api/traces/{id}"));
    let ids: Vec<_> = trace[0]["spans"]
        .as_array()
        .expect("spans")
        .iter()
        .map(|span| text(&span["spanID"]))
        .collect();
    assert_eq!(ids.len() as u64, copies);
    assert_eq!(
        ids.iter().collect::<std::collections::BTreeSet<_>>().len(),
        unique + usize::from(copies != unique as u64)
    );
}

pub fn built_in_code(target: &Target) {
    without_service_name(target);
    dependencies(target);
}

fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    u64::try_from(now.as_nanos()).expect("nanoseconds")
}

fn span(service: &str, trace: &str, id: &str, parent: &str, start: u64) -> Value {
    let span = json!({
        "traceId": trace, "spanId": id, "parentSpanId": parent, "name": "cross-service-op",
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 1_000_000).to_string(),
        "attributes": [{"key": "rfc0013.cross.service", "value": {"stringValue": "yes"}}],
    });
    let name = json!({"key": "service.name", "value": {"stringValue": service}});
    json!({"resource": {"attributes": [name]}, "scopeSpans": [{"spans": [span]}]})
}

fn without_service_name(target: &Target) {
    let now = now();
    let groups = [
        span(
            "cross-service-a",
            "0102030405060708090a0b0c0d0e0f10",
            "0102030405060708",
            "",
            now,
        ),
        span(
            "cross-service-b",
            "0202030405060708090a0b0c0d0e0f10",
            "0202030405060708",
            "",
            now,
        ),
    ];
    target.write(4, &json!({"resourceSpans": groups}));
    let (start, end) = (
        (now / 1_000 - 3_600_000_000).to_string(),
        (now / 1_000 + 3_600_000_000).to_string(),
    );
    let tags = r#"{"rfc0013.cross.service":"yes"}"#;
    let reply = target
        .query(
            4,
            "/api/traces",
            [("tags", tags), ("start", &start), ("end", &end), ("limit", "10")],
        )
        .json();
    let mut services: Vec<_> = reply["data"]
        .as_array()
        .expect("traces")
        .iter()
        .map(service_of_first_span)
        .collect();
    services.sort();
    assert_eq!(services, ["cross-service-a", "cross-service-b"]);
}

fn service_of_first_span(trace: &Value) -> String {
    text(&trace["processes"][text(&trace["spans"][0]["processID"])]["serviceName"])
}

/// Jaeger writes links through an interface of their own; here they follow from spans.
fn dependencies(target: &Target) {
    let now = now();
    let trace = "0302030405060708090a0b0c0d0e0f10";
    let groups = [
        span("hello", trace, "0000000000000001", "", now),
        span("world", trace, "0000000000000002", "0000000000000001", now),
        span("hello", trace, "0000000000000003", "0000000000000002", now),
        span("hello", trace, "0000000000000004", "0000000000000002", now),
        span("hello", trace, "0000000000000005", "0000000000000002", now),
        span(
            "other",
            trace,
            "0000000000000006",
            "0000000000000006",
            now - 7_200 * SECOND,
        ),
    ];
    target.write(5, &json!({"resourceSpans": groups}));
    let edges = |query: &str| -> BTreeMap<(String, String), u64> {
        let data = target.data(5, &format!("/api/dependencies?{query}"));
        let edges = data.as_array().expect("a list").iter();
        edges
            .map(|e| {
                (
                    (text(&e["parent"]), text(&e["child"])),
                    e["callCount"].as_u64().expect("a count"),
                )
            })
            .collect()
    };
    let edge = |parent: &str, child: &str, calls: u64| ((parent.to_owned(), child.to_owned()), calls);
    let both = BTreeMap::from([edge("hello", "world", 1), edge("world", "hello", 3)]);
    let soon = now / 1_000_000 + 60_000;
    assert_eq!(edges(&format!("endTs={soon}&lookback=300000")), both);
    let all = [
        edge("hello", "world", 1),
        edge("other", "other", 1),
        edge("world", "hello", 3),
    ];
    assert_eq!(edges(&format!("endTs={soon}")), BTreeMap::from(all));
    assert_eq!(edges(&format!("endTs={soon}&service=world")), both);
    assert_eq!(edges(&format!("endTs={soon}&service=none")), BTreeMap::new());
    assert_eq!(
        edges(&format!("endTs={}&lookback=1000", soon - 600_000)),
        BTreeMap::new()
    );
}
