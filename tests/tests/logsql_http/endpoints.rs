//! The shape of each endpoint's answer.

use super::data::{SECOND, START, request};
use super::target::Target;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::time::{SystemTime, UNIX_EPOCH};

pub fn query_prints_whole_spans(target: &Target) {
    let reply = target.get(
        "query",
        &[("query", r#"trace_id:=aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb name:=query"#)],
    );
    assert_eq!(reply.content_type, "application/stream+json");
    let expected = concat!(
        r#"{"_time":"2026-11-20T00:00:02Z","#,
        r#""_stream_id":"STREAM_ID","#,
        r#""_stream":"{name=\"query\",resource_attr:service.name=\"kraken-api\"}","_msg":"-","#,
        r#""duration":"4000000","end_time_unix_nano":"1795132802004000000","#,
        r#""event:event_attr:exception.type:0":"Oops","event:event_name:0":"exception","#,
        r#""event:event_time_unix_nano:0":"1795132802000000000","kind":"2","name":"query","#,
        r#""resource_attr:service.name":"kraken-api","scope_name":"lib","span_id":"0000000000000002","#,
        r#""start_time_unix_nano":"1795132802000000000","trace_id":"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb"}"#
    );
    let line = reply.lines().concat();
    let id = reply.json()["_stream_id"].as_str().expect("an id").to_owned();
    assert_eq!(id.len(), 48);
    assert_eq!(line, expected.replace("STREAM_ID", &id));
    let of_stream = format!("_stream_id:{id} | fields name");
    assert_eq!(target.lines(&of_stream), [r#"{"name":"query"}"#]);
}

pub fn query_prints_what_is_asked_for(target: &Target) {
    for (query, expected) in [
        ("* | fields nothing", vec![]),
        (
            "duration:>5ms | fields duration, name",
            vec![
                r#"{"duration":"10000000","name":"test-span"}"#,
                r#"{"duration":"700000000","name":"test-span"}"#,
            ],
        ),
        (
            r#""event:event_attr:exception.type":Oops | fields _time, _stream"#,
            vec![
                r#"{"_time":"2026-11-20T00:00:02Z","_stream":"{name=\"query\",resource_attr:service.name=\"kraken-api\"}"}"#,
            ],
        ),
        (
            r#""event:event_attr:exception.type:0":Oops | fields "event:event_attr:exception.type:0", kind"#,
            vec![r#"{"event:event_attr:exception.type:0":"Oops","kind":"2"}"#],
        ),
        (
            r#""span_attr:http.status_code":>=500 | count() n"#,
            vec![r#"{"n":"1"}"#],
        ),
        ("_msg:=- | count() n", vec![r#"{"n":"4"}"#]),
        ("kraken | count() n", vec![r#"{"n":"0"}"#]),
        (r#"status_code:"" | count() n"#, vec![r#"{"n":"4"}"#]),
        (
            r#"{name!="idle"} _time:day_range[00:00, 00:01] | count() n"#,
            vec![r#"{"n":"3"}"#],
        ),
        (
            "_time:2026-11-20T00:00:04Z | fields name",
            vec![r#"{"name":"test-span"}"#],
        ),
        (
            "name:eq_field(kind) or duration:1000000 | fields name",
            vec![r#"{"name":"idle"}"#],
        ),
    ] {
        assert_eq!(target.lines(query), expected, "{query}");
    }
    let sorted = target.get(
        "query",
        &[("query", "* | sort by (duration desc) limit 2 | fields duration")],
    );
    assert_eq!(
        sorted.lines(),
        [r#"{"duration":"700000000"}"#, r#"{"duration":"10000000"}"#]
    );
}

pub fn a_limit_takes_the_newest(target: &Target) {
    let times = |params: &[(&str, &str)]| {
        let reply = target.get("query", params);
        let seconds = |line: &str| line.get(27..29).expect("a time").to_owned();
        reply.lines().into_iter().map(seconds).collect::<Vec<_>>()
    };
    assert_eq!(
        times(&[("query", "* | fields _time, name"), ("limit", "2")]),
        ["04", "06"]
    );
    assert_eq!(
        times(&[("query", "* | fields _time, name"), ("limit", "2"), ("offset", "1")]),
        ["02", "04"]
    );
    assert_eq!(times(&[("query", "*"), ("limit", "3")]), ["02", "04", "06"]);
    assert_eq!(times(&[("query", "!name:eq_field(kind)"), ("limit", "1")]), ["06"]);
    assert_eq!(times(&[("query", "* | filter name:test-span"), ("limit", "1")]), ["04"]);
    let any = target.get("query", &[("query", "* | fields kind"), ("limit", "3")]);
    assert_eq!(any.lines(), [r#"{"kind":"2"}"#; 3]);
}

pub fn hits_by_time_and_fields(target: &Target) {
    let all = target.get("hits", &[("query", "* | fields name"), ("step", "4s")]);
    assert_eq!(all.content_type, "application/json");
    assert_eq!(
        all.body,
        r#"{"hits":[{"fields":{},"timestamps":["2026-11-20T00:00:00Z","2026-11-20T00:00:04Z"],"values":[2,2],"total":4}]}"#
    );
    let by_name = target.get(
        "hits",
        &[
            ("query", "*"),
            ("step", "1h"),
            ("offset", "30m"),
            ("field", "name"),
            ("fields_limit", "1"),
        ],
    );
    assert_eq!(
        by_name.body,
        concat!(
            r#"{"hits":[{"fields":{"name":"test-span"},"timestamps":["2026-11-19T23:30:00Z"],"values":[2],"total":2},"#,
            r#"{"fields":{},"timestamps":["2026-11-19T23:30:00Z"],"values":[2],"total":2}]}"#
        )
    );
    let by_stream = target.get("hits", &[("query", "name:idle"), ("field", "_stream")]);
    assert_eq!(
        by_stream.json()["hits"][0]["fields"],
        json!({"_stream": r#"{name="idle",resource_attr:service.name="other"}"#})
    );
    assert_eq!(target.get("hits", &[("query", "name:none")]).body, r#"{"hits":[]}"#);
}

pub fn facets_of_all_fields(target: &Target) {
    let reply = target.get("facets", &[("query", "*"), ("max_values_per_field", "3")]);
    let facets = reply.json();
    let names: Vec<&str> = facets["facets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|f| f["field_name"].as_str().expect("a name"))
        .collect();
    let expected = [
        "event:event_attr:exception.type:0",
        "event:event_name:0",
        "event:event_time_unix_nano:0",
        "name",
        "resource_attr:service.name",
        "span_attr:http.route",
        "span_attr:http.status_code",
        "trace_id",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        facets["facets"][3],
        json!({"field_name": "name", "values": [
            {"field_value": "test-span", "hits": 2},
            {"field_value": "idle", "hits": 1},
            {"field_value": "query", "hits": 1},
        ]})
    );
    let constant = target.get(
        "facets",
        &[("query", "name:idle"), ("limit", "1"), ("keep_const_fields", "1")],
    );
    assert!(
        constant
            .body
            .contains(r#"{"field_name":"kind","values":[{"field_value":"2","hits":1}]}"#),
        "{}",
        constant.body
    );
}

pub fn names_and_values_of_fields(target: &Target) {
    let names = target.get("field_names", &[("query", r#"name:query | fields name"#)]);
    let names: Vec<String> = names.json()["values"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| format!("{}={}", v["value"].as_str().expect("text"), v["hits"]))
        .collect();
    let expected = [
        "_msg",
        "_stream",
        "_stream_id",
        "_time",
        "duration",
        "end_time_unix_nano",
        "event:event_attr:exception.type:0",
        "event:event_name:0",
        "event:event_time_unix_nano:0",
        "kind",
        "name",
        "resource_attr:service.name",
        "scope_name",
        "span_id",
        "start_time_unix_nano",
        "trace_id",
    ];
    assert_eq!(names, expected.map(|name| format!("{name}=1")));
    for (params, expected) in [
        (
            vec![("field", "name")],
            r#"{"values":[{"value":"test-span","hits":2},{"value":"idle","hits":1},{"value":"query","hits":1}]}"#,
        ),
        (
            vec![("field", "name"), ("filter", "que")],
            r#"{"values":[{"value":"query","hits":1}]}"#,
        ),
        (vec![("field", "kind")], r#"{"values":[{"value":"2","hits":4}]}"#),
        (vec![("field", "_msg")], r#"{"values":[{"value":"-","hits":4}]}"#),
    ] {
        let params: Vec<_> = [("query", "*")].into_iter().chain(params).collect();
        assert_eq!(target.get("field_values", &params).body, expected, "{params:?}");
    }
    let some = target
        .get("field_values", &[("query", "*"), ("field", "name"), ("limit", "2")])
        .json();
    let some = some["values"].as_array().expect("a list");
    assert!(
        some.len() == 2 && some.iter().all(|value| value["hits"] == 0),
        "{some:?}"
    );
}

pub fn streams_and_their_labels(target: &Target) {
    for (path, field, expected) in [
        (
            "stream_field_names",
            "",
            r#"{"values":[{"value":"name","hits":4},{"value":"resource_attr:service.name","hits":4}]}"#,
        ),
        (
            "stream_field_values",
            "resource_attr:service.name",
            r#"{"values":[{"value":"kraken-api","hits":2},{"value":"kraken-web","hits":1},{"value":"other","hits":1}]}"#,
        ),
        ("stream_field_values", "kind", r#"{"values":[]}"#),
    ] {
        let reply = target.get(path, &[("query", "*"), ("field", field)]);
        assert_eq!(reply.body, expected, "{path} {field}");
    }
    let streams = target.get("streams", &[("query", "name:test-span")]);
    assert_eq!(
        streams.body,
        concat!(
            r#"{"values":[{"value":"{name=\"test-span\",resource_attr:service.name=\"kraken-api\"}","hits":1},"#,
            r#"{"value":"{name=\"test-span\",resource_attr:service.name=\"kraken-web\"}","hits":1}]}"#
        )
    );
    let ids = target.get("stream_ids", &[("query", "*")]).json();
    let ids = ids["values"].as_array().expect("a list").clone();
    assert!(
        ids.len() == 4
            && ids
                .iter()
                .all(|id| id["value"].as_str().is_some_and(|id| id.len() == 48))
    );
}

pub fn vectors_of_statistics(target: &Target) {
    let reply = target.get(
        "stats_query",
        &[
            (
                "query",
                r#"* | stats by (name, "span_attr:http.route") count() c, max(duration) m"#,
            ),
            ("time", "2026-11-20T01:00:00Z"),
        ],
    );
    assert_eq!(reply.content_type, "application/json");
    let value = |name: &str, span: &str, route: &str, value: &str| json!({"metric": {"__name__": name, "name": span, "span_attr:http.route": route}, "value": [START + 3600, value]});
    assert_eq!(
        reply.json(),
        json!({"status": "success", "data": {"resultType": "vector", "result": [
            value("c", "idle", "", "1"),
            value("c", "query", "", "1"),
            value("c", "test-span", "/orders", "2"),
            value("m", "idle", "", "1000000"),
            value("m", "query", "", "4000000"),
            value("m", "test-span", "/orders", "700000000"),
        ]}})
    );
    let sparse = target.get(
        "stats_query",
        &[("query", r#"name:idle | min("span_attr:http.route") m"#), ("time", "1")],
    );
    assert_eq!(
        sparse.body,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"m"},"value":[1,"NaN"]}]}}"#
    );
    // Both ends of a range that is given in seconds are covered whole.
    let rate = target.get(
        "stats_query",
        &[
            ("query", "* | rate() r"),
            ("start", "2026-11-20T00:00:00Z"),
            ("end", "2026-11-20T00:00:03Z"),
        ],
    );
    assert_eq!(rate.json()["data"]["result"][0]["value"], json!([START + 3, "0.5"]));
}

pub fn matrices_of_statistics(target: &Target) {
    let reply = target.get(
        "stats_query_range",
        &[("query", "* | stats by (kind) count() c, rate() r"), ("step", "4s")],
    );
    assert_eq!(
        reply.json(),
        json!({"status": "success", "data": {"resultType": "matrix", "result": [
            {"metric": {"__name__": "c", "kind": "2"}, "values": [[START, "2"], [START + 4, "2"]]},
            {"metric": {"__name__": "r", "kind": "2"}, "values": [[START, "0.5"], [START + 4, "0.5"]]},
        ]}})
    );
}

pub fn the_time_range_of_a_query(target: &Target) {
    for (params, expected) in [
        (
            [("query", "_time:2026-11-20Z"), ("start", ""), ("end", "")],
            r#"{"start":"2026-11-20T00:00:00.000000000Z","end":"2026-11-20T23:59:59.999999999Z","hasTimeFilter":true}"#,
        ),
        (
            [
                ("query", "*"),
                ("start", "2026-11-20T00:00:00Z"),
                ("end", "2026-11-20T01:00:00Z"),
            ],
            r#"{"start":"2026-11-20T00:00:00.000000000Z","end":"2026-11-20T01:00:00.999999999Z","hasTimeFilter":false}"#,
        ),
    ] {
        assert_eq!(target.get("query_time_range", &params).body, expected);
    }
}

pub fn tail_sends_new_spans(target: &Target) {
    let account = 77;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_nanos() as u64;
    let span = |id: u64, start: u64| {
        json!({
            "traceId": "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
            "spanId": format!("{id:016x}"),
            "name": format!("span-{id}"),
            "kind": 2,
            "startTimeUnixNano": start.to_string(),
            "endTimeUnixNano": start.to_string(),
        })
    };
    target.write(account, &request("tailed", span(1, now - SECOND)));
    let mut response = target
        .agent()
        .get(target.url("tail"))
        .header("AccountID", account.to_string())
        .query_pairs([
            ("query", "* | fields _time, name"),
            ("refresh_interval", "50ms"),
            ("offset", "0s"),
        ])
        .call()
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    let mut lines = BufReader::new(response.body_mut().as_reader()).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert!(next().ends_with(r#""name":"span-1"}"#));
    target.write(account, &request("tailed", span(2, now)));
    assert!(next().ends_with(r#""name":"span-2"}"#));
}

pub fn pipes_run_over_rows(target: &Target) {
    for (query, expected) in [
        ("* | top 1 by (name)", vec![r#"{"name":"test-span","hits":"2"}"#]),
        (
            "* | uniq by (name) with hits | filter hits:>1",
            vec![r#"{"name":"test-span","hits":"2"}"#],
        ),
        (
            "* | math duration / 1000000 as ms | fields ms | sort by (ms) limit 2",
            vec![r#"{"ms":"1"}"#, r#"{"ms":"4"}"#],
        ),
        (
            r#"* | stats by ("resource_attr:service.name") row_max(duration, name) slowest | fields slowest | limit 1 | len(slowest) l | fields l | uniq by (l) | filter l:>0 | fields nothing"#,
            vec![],
        ),
        (
            "name:test-span | stats row_max(duration, name, duration) slowest",
            vec![r#"{"slowest":"{\"duration\":\"700000000\",\"name\":\"test-span\"}"}"#],
        ),
        (
            "* | stats by (name) count() c | filter c:>1 | format \"<name>!\" as shown | fields shown, c",
            vec![r#"{"shown":"test-span!","c":"2"}"#],
        ),
        (
            "* | stats count_uniq(_stream) streams, count_uniq(trace_id) traces",
            vec![r#"{"streams":"4","traces":"3"}"#],
        ),
        (
            "name:idle | union (name:query) | fields name",
            vec![r#"{"name":"idle"}"#, r#"{"name":"query"}"#],
        ),
        (
            "* | stats count() if (name:test-span) t, count() if (duration:>5ms name:test-span) s, sum(duration) d, avg(duration) a, median(duration) m, min(duration) l",
            vec![r#"{"t":"2","s":"2","d":"715000000","a":"178750000","m":"10000000","l":"1000000"}"#],
        ),
        ("* | field_values name limit 1 | fields hits", vec![r#"{"hits":"0"}"#]),
        (
            "name:eq_field(kind) or name:idle | field_values name",
            vec![r#"{"name":"idle","hits":"1"}"#],
        ),
    ] {
        assert_eq!(target.lines(query), expected, "{query}");
    }
}

pub fn subqueries_give_values(target: &Target) {
    let query = r#"trace_id:in("span_attr:http.status_code":500 | fields trace_id) or span_id:in(name:idle | uniq by (span_id)) | fields name"#;
    assert_eq!(target.lines(query), [r#"{"name":"idle"}"#, r#"{"name":"test-span"}"#]);
    let joined = r#"name:query | join by (trace_id) (name:test-span | fields trace_id, "span_attr:http.route") | fields name, "span_attr:http.route""#;
    assert_eq!(
        target.lines(joined),
        [r#"{"name":"query","span_attr:http.route":"/orders"}"#]
    );
    // The time range of the call holds inside too.
    let ranged = target.get("query", &[("query", query), ("end", "2026-11-20T00:00:04Z")]);
    assert_eq!(ranged.lines(), [r#"{"name":"test-span"}"#]);
}
