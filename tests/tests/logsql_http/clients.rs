//! Requests as known clients send them.

use super::data::START;
use super::target::Target;
use serde_json::json;

/// The queries of a user's article, unchanged.
pub fn the_queries_of_an_article(target: &Target) {
    let found = target.lines(r#"{name="test-span"} trace_id:"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb""#);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains(r#""span_id":"0000000000000001""#), "{found:?}");
    let query = r#"{resource_attr:service.name=~"kraken-.*"} "span_attr:http.route":!"" | stats by ("resource_attr:service.name", "span_attr:http.route", "span_attr:http.status_code") quantile(0.95, duration) p95_duration"#;
    assert_eq!(
        target.lines(query),
        [
            r#"{"resource_attr:service.name":"kraken-api","span_attr:http.route":"/orders","span_attr:http.status_code":"200","p95_duration":"10000000"}"#,
            r#"{"resource_attr:service.name":"kraken-web","span_attr:http.route":"/orders","span_attr:http.status_code":"500","p95_duration":"700000000"}"#,
        ]
    );
}

/// Everything in the URL, an empty body that says it is JSON.
fn vmalert(target: &Target, path: &str, params: &[(&str, &str)]) -> serde_json::Value {
    let reply = target.post(path, params, "application/json", "");
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

pub fn vmalert_asks_for_vectors(target: &Target) {
    let answer = vmalert(
        target,
        "stats_query",
        &[
            (
                "query",
                r#"* | stats by ("resource_attr:service.name") count() as n | filter n:>1"#,
            ),
            ("time", "2026-11-20T00:01:00Z"),
            ("start", "2026-11-20T00:00:00Z"),
            ("end", "2026-11-20T00:01:00Z"),
        ],
    );
    let metric = json!({"__name__": "n", "resource_attr:service.name": "kraken-api"});
    assert_eq!(
        answer,
        json!({"status": "success", "data": {"resultType": "vector", "result": [
            {"metric": metric, "value": [START + 60, "2"]},
        ]}})
    );
    // A rule with a time filter of its own has no start and no end; it looks back from the time of the evaluation.
    let answer = vmalert(
        target,
        "stats_query",
        &[
            ("query", "_time:3s | stats max(duration) m"),
            ("time", "2026-11-20T00:00:05Z"),
        ],
    );
    assert_eq!(answer["data"]["result"][0]["value"], json!([START + 5, "700000000"]));
}

pub fn vmalert_asks_for_matrices(target: &Target) {
    let answer = vmalert(
        target,
        "stats_query_range",
        &[
            ("query", "* | stats count() as n"),
            ("start", "2026-11-20T00:00:00Z"),
            ("end", "2026-11-20T00:00:06Z"),
            ("step", "2s"),
        ],
    );
    let values = json!([[START, "1"], [START + 2, "1"], [START + 4, "1"], [START + 6, "1"]]);
    assert_eq!(
        answer,
        json!({"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"__name__": "n"}, "values": values},
        ]}})
    );
}

pub fn forms_and_extra_filters(target: &Target) {
    let form = "query=%2A+%7C+count%28%29+n&extra_filters=name%3Atest-span";
    let kind = "application/x-www-form-urlencoded";
    let lines = |params: &[(&str, &str)]| target.post("query", params, kind, form).body;
    assert_eq!(lines(&[]), "{\"n\":\"2\"}\n");
    for (extra, stream, expected) in [
        (r#"{"span_attr:http.status_code":"500"}"#, "", 1),
        (r#"{"span_attr:http.status_code":["500","200"]}"#, "", 2),
        ("", r#"{resource_attr:service.name="kraken-web"}"#, 1),
        ("", r#"{"resource_attr:service.name":["kraken-web","kraken.api"]}"#, 1),
        ("", r#"{"resource_attr:service.name":"kraken-api"}"#, 1),
    ] {
        let found = lines(&[("extra_filters", extra), ("extra_stream_filters", stream)]);
        assert_eq!(found, format!("{{\"n\":\"{expected}\"}}\n"), "{extra} {stream}");
    }
    let part = |name, value| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let parts = [part("query", "* | count() n"), part("extra_filters", "name:test-span")].concat() + "--b--\r\n";
    let reply = target.post("query", &[], "multipart/form-data; boundary=b", &parts);
    assert_eq!(reply.body, "{\"n\":\"2\"}\n");
    let reply = target.post("query", &[], "multipart/form-data; boundary=c", &parts);
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (400, "cannot read the form: it has no parts\n")
    );
}
