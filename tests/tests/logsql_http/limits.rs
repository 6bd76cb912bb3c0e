//! Errors, tenants, and queries that ask for too much.

use super::data::{SECOND, START, request};
use super::target::Target;
use serde_json::json;

pub fn errors_are_texts(target: &Target) {
    for (path, params, text) in [
        ("query", vec![("query", "foo:(")], "cannot parse query [foo:(]"),
        ("query", vec![], "cannot parse query []: missing query"),
        (
            "query",
            vec![("query", "*"), ("limit", "abc")],
            "cannot parse integer \"limit\"=\"abc\"",
        ),
        (
            "query",
            vec![("query", "*"), ("limit", "-1")],
            "\"limit\" cannot be smaller than 0",
        ),
        (
            "query",
            vec![("query", "*"), ("start", "whenever")],
            "cannot parse time \"start\"=\"whenever\"",
        ),
        (
            "query",
            vec![("query", "*"), ("timeout", "soon")],
            "cannot parse duration \"timeout\"=\"soon\"",
        ),
        (
            "query",
            vec![("query", "* | stream_context before 1")],
            "pipe `stream_context` is not supported",
        ),
        (
            "query",
            vec![("query", r#"* | fields "event:event_name""#)],
            "only filters can ask for any of them",
        ),
        (
            "hits",
            vec![("query", "*"), ("step", "0s")],
            "'step' must be bigger than zero",
        ),
        ("field_values", vec![("query", "*")], "missing 'field' query arg"),
        (
            "tail",
            vec![("query", "* | stats count()")],
            "cannot be used in live tailing",
        ),
        (
            "nothing",
            vec![],
            "unsupported path requested: \"/select/logsql/nothing\"",
        ),
    ] {
        let reply = target.get(path, &params);
        assert_eq!(
            (reply.status, reply.content_type.as_str()),
            (400, "text/plain; charset=utf-8"),
            "{path} {params:?}"
        );
        assert!(
            reply.body.contains(text) && reply.body.ends_with('\n'),
            "{}",
            reply.body
        );
    }
}

pub fn errors_of_statistics_are_json(target: &Target) {
    for (query, text) in [
        ("foo:(", "cannot parse query [foo:(]"),
        ("*", "missing `| stats ...` pipe in the query [*]"),
        ("* | count() n | limit 1", "pipe cannot be put after"),
        (
            "* | set_stream_fields a | count()",
            "pipe `set_stream_fields` is not supported",
        ),
    ] {
        for path in ["stats_query", "stats_query_range"] {
            let reply = target.get(path, &[("query", query)]);
            assert_eq!(
                (reply.status, reply.content_type.as_str()),
                (422, "application/json"),
                "{query}"
            );
            let error = reply.json();
            assert_eq!(
                (&error["status"], &error["errorType"]),
                (&json!("error"), &json!("422"))
            );
            assert!(
                error["error"].as_str().is_some_and(|error| error.contains(text)),
                "{error}"
            );
        }
    }
}

pub fn tenants_see_their_own(target: &Target) {
    let count = |account| {
        target
            .get_as(account, "query", &[("query", "name:test-span | count() n")])
            .body
    };
    assert_eq!(
        (count(0), count(1)),
        ("{\"n\":\"2\"}\n".into(), "{\"n\":\"0\"}\n".into())
    );
    let refused = target
        .agent()
        .get(target.url("query?query=*"))
        .header("AccountID", "shop")
        .call()
        .expect("an answer");
    assert_eq!(refused.status().as_u16(), 400);
}

/// More different values than a small budget holds.
pub fn a_query_over_its_budget_fails_alone(target: &Target) {
    let account = 9;
    let spans: Vec<_> = (0..400u64)
        .map(|n| {
            json!({
                "traceId": format!("{:032x}", n + 1),
                "spanId": format!("{:016x}", n + 1),
                "name": format!("much-{n}-{}", "x".repeat(300)),
                "startTimeUnixNano": (START * SECOND - 86_400 * SECOND).to_string(),
                "endTimeUnixNano": (START * SECOND).to_string(),
            })
        })
        .collect();
    let mut all = request("much", json!(null));
    all["resourceSpans"][0]["scopeSpans"][0]["spans"] = json!(spans);
    target.write(account, &all);
    let query = "* | sort by (name) | fields name";
    let reply = target.get_small(account, "query", &[("query", query)]);
    assert_eq!(reply.status, 422, "{}", reply.body);
    assert!(reply.body.contains("budget"), "{}", reply.body);
    assert_eq!(target.get_as(account, "query", &[("query", query)]).lines().len(), 400);
    let other = target.get_small(account, "query", &[("query", "* | count() n")]);
    assert_eq!(other.body, "{\"n\":\"400\"}\n");
}
