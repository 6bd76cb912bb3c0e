use super::to_protobuf;
use crate::otlp::decode;
use crate::otlp::view::MAX_VALUE_DEPTH;
use crate::span::{Span, SpanKind, StatusCode};
use crate::value::{AttrValue, Attribute};

fn spans(json: &str) -> Vec<Span> {
    decode::spans(&to_protobuf(json.as_bytes()).unwrap_or_else(|error| panic!("{error}"))).unwrap()
}

/// The span whose fields are `fields`.
fn span(fields: &str) -> Span {
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    spans(&json).remove(0)
}

/// The value of an attribute.
fn value(json: &str) -> AttrValue {
    span(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#))
        .attributes
        .remove(0)
        .value
}

fn error(json: &str) -> String {
    to_protobuf(json.as_bytes()).unwrap_err().to_string()
}

fn span_error(fields: &str) -> String {
    error(&format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{}},{{"spans":[{{}},{{{fields}}}]}}]}}]}}"#
    ))
}

#[test]
fn every_field_of_a_request_is_read() {
    let json = r#"{"resourceSpans":[{
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}],"droppedAttributesCount":1},
        "schemaUrl":"r","scopeSpans":[{
            "scope":{"name":"lib","version":"2","attributes":[{"key":"a","value":{"intValue":"1"}}],
                "droppedAttributesCount":"2"},
            "schemaUrl":"s","spans":[{
                "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"EEE19B7EC3C1B173",
                "traceState":"a=b","flags":257,"name":"n","kind":2,
                "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,
                "attributes":[],"droppedAttributesCount":3,
                "events":[{"timeUnixNano":"7","name":"e","attributes":[{"key":"b","value":{"boolValue":true}}],
                    "droppedAttributesCount":4}],
                "droppedEventsCount":5,
                "links":[{"traceId":"01","spanId":"","traceState":"t","attributes":[],"droppedAttributesCount":6,
                    "flags":"8"}],
                "droppedLinksCount":7,
                "status":{"message":"bad","code":2}}]}]}]}"#;
    let span = spans(json).remove(0);
    assert_eq!(span.trace_id.to_string(), "5b8efff798038103d269b633813fc60c");
    assert_eq!(span.span_id.to_string(), "eee19b7ec3c1b174");
    assert_eq!(span.parent_span_id.unwrap().to_string(), "eee19b7ec3c1b173");
    assert_eq!(
        (&*span.trace_state, span.flags, &*span.name, span.kind),
        ("a=b", 257, "n", SpanKind::SERVER)
    );
    assert_eq!(
        (span.start.0, span.end.0),
        (1_544_712_660_000_000_000, 1_544_712_661_000_000_000)
    );
    assert_eq!(
        (
            span.dropped_attributes_count,
            span.dropped_events_count,
            span.dropped_links_count
        ),
        (3, 5, 7)
    );
    assert_eq!((span.status_code, &*span.status_message), (StatusCode::ERROR, "bad"));
    assert_eq!(
        (span.service_name(), span.resource.dropped_attributes_count),
        ("shop", 1)
    );
    assert_eq!((&*span.resource.schema_url, &*span.scope.schema_url), ("r", "s"));
    assert_eq!(
        (
            &*span.scope.name,
            &*span.scope.version,
            span.scope.dropped_attributes_count
        ),
        ("lib", "2", 2)
    );
    assert_eq!(span.scope.attributes, [Attribute::new("a", 1)]);
    let event = &span.events[0];
    assert_eq!(
        (event.time.0, &*event.name, event.dropped_attributes_count),
        (7, "e", 4)
    );
    assert_eq!(event.attributes, [Attribute::new("b", true)]);
    let link = &span.links[0];
    assert_eq!(
        (&*link.trace_state, link.dropped_attributes_count, link.flags),
        ("t", 6, 8)
    );
}

#[test]
fn values_keep_their_types() {
    assert_eq!(
        value(r#"{"stringValue":"a\"ä\u00e4\ud83d\ude00"}"#),
        AttrValue::from("a\"ää😀")
    );
    assert_eq!(value(r#"{"stringValue":""}"#), AttrValue::from(""));
    assert_eq!(value(r#"{"boolValue":false}"#), AttrValue::Bool(false));
    for int in [r#""-9223372036854775808""#, "-9223372036854775808"] {
        assert_eq!(value(&format!(r#"{{"intValue":{int}}}"#)), AttrValue::Int(i64::MIN));
    }
    assert_eq!(value(r#"{"intValue":0}"#), AttrValue::Int(0));
    assert_eq!(value(r#"{"intValue":1e3}"#), AttrValue::Int(1000));
    assert_eq!(value(r#"{"intValue":"5.0"}"#), AttrValue::Int(5));
    assert_eq!(value(r#"{"doubleValue":3}"#), AttrValue::Double(3.0));
    assert_eq!(
        value(r#"{"doubleValue":"-Infinity"}"#),
        AttrValue::Double(f64::NEG_INFINITY)
    );
    assert_eq!(value(r#"{"doubleValue":"2.5"}"#), AttrValue::Double(2.5));
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#), AttrValue::Double(d) if d.is_nan()));
    let exact = 0.177_827_941_003_892_3;
    assert_eq!(
        value(&format!(r#"{{"doubleValue":{exact:?}}}"#)),
        AttrValue::Double(exact)
    );
    for text in ["+/+/", "-_-_"] {
        assert_eq!(
            value(&format!(r#"{{"bytesValue":"{text}"}}"#)),
            AttrValue::Bytes([0xfb, 0xff, 0xbf][..].into())
        );
    }
    for text in ["AQI=", "AQI"] {
        assert_eq!(
            value(&format!(r#"{{"bytesValue":"{text}"}}"#)),
            AttrValue::Bytes([1, 2][..].into())
        );
    }
    let map = r#"{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{}]}}}]}}"#;
    let array = AttrValue::Array(vec![AttrValue::Int(1), AttrValue::Empty]);
    assert_eq!(
        value(map),
        AttrValue::Map(vec![Attribute {
            key: "a".into(),
            value: array
        }])
    );
    for empty in [
        "null",
        "{}",
        r#"{"stringValue":null}"#,
        r#"{"other":[{"stringValue":"x"}]}"#,
    ] {
        assert_eq!(value(empty), AttrValue::Empty, "{empty}");
    }
}

#[test]
fn names_numbers_and_spellings_are_tolerated() {
    assert_eq!(span(r#""kind":"SPAN_KIND_CONSUMER""#).kind, SpanKind::CONSUMER);
    assert_eq!(span(r#""kind":"4""#).kind, SpanKind::PRODUCER);
    assert_eq!(span(r#""kind":77"#).kind, SpanKind(77));
    assert_eq!(
        span(r#""status":{"code":"STATUS_CODE_OK"}"#).status_code,
        StatusCode::OK
    );
    let json = r#"{"resource_spans":[{"scope_spans":[{"spans":[
        {"start_time_unix_nano":5,"trace_state":"s","parent_span_id":null,"unknown":[[[{"a":1}]]],"events":null}]}]}]}"#;
    let span = spans(json).remove(0);
    assert_eq!((span.start.0, &*span.trace_state, span.parent_span_id), (5, "s", None));
    assert!(spans(" {} ").is_empty());
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    let at = "resourceSpans[0].scopeSpans[1].spans[1]";
    let cases = [
        (
            r#""traceId":"xyz1""#,
            ".traceId: expected a text of pairs of hexadecimal digits, got \"xyz1\"",
        ),
        (
            r#""traceId":"123""#,
            ".traceId: expected a text of pairs of hexadecimal digits, got \"123\"",
        ),
        (
            r#""traceId":5"#,
            ".traceId: expected a text of pairs of hexadecimal digits, got number 5",
        ),
        (r#""name":5"#, ".name: expected a text, got number 5"),
        (r#""name":{}"#, ".name: expected a text, got an object"),
        (
            r#""startTimeUnixNano":-1"#,
            ".startTimeUnixNano: number -1 is out of range",
        ),
        (
            r#""startTimeUnixNano":"1s""#,
            ".startTimeUnixNano: expected an integer, got \"1s\"",
        ),
        (
            r#""startTimeUnixNano":1.5"#,
            ".startTimeUnixNano: expected an integer, got number 1.5",
        ),
        (r#""flags":4294967296"#, ".flags: number 4294967296 is out of range"),
        (
            r#""kind":"SERVER""#,
            ".kind: expected a name or a number of the enumeration, got \"SERVER\"",
        ),
        (
            r#""kind":true"#,
            ".kind: expected a name or a number of the enumeration, got true",
        ),
        (r#""events":{}"#, ".events: expected an array of objects, got an object"),
        (
            r#""events":[{},5]"#,
            ".events[1]: invalid type: integer `5`, expected an object",
        ),
        (r#""status":[]"#, ".status: expected an object, got an array"),
        (
            r#""attributes":[{"value":{"doubleValue":1e999}}]"#,
            ".attributes[0].value.doubleValue: number 1e999",
        ),
        (
            r#""attributes":[{"value":{"doubleValue":[]}}]"#,
            ".attributes[0].value.doubleValue: expected a number",
        ),
        (
            r#""attributes":[{"value":{"bytesValue":"*"}}]"#,
            ".attributes[0].value.bytesValue: expected a text in base64",
        ),
        (
            r#""attributes":[{"value":{"boolValue":"true"}}]"#,
            ".attributes[0].value.boolValue: expected true or false",
        ),
    ];
    for (fields, message) in cases {
        let error = span_error(fields);
        assert!(error.starts_with(&format!("{at}{message}")), "{error}");
        assert!(error.contains(" at line 1 column "), "{error}");
    }
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    assert_eq!(error(""), "EOF while parsing a value at line 1 column 0");
    assert!(error("[]").starts_with("invalid type: sequence, expected an ExportTraceServiceRequest object"));
    assert!(error(r#"{"resourceSpans":[{}]"#).starts_with("EOF while parsing an object"));
    assert!(error("{} {}").starts_with("trailing characters"));
    assert!(span_error(r#""name":"\ud800""#).contains(".name: "));
    assert_eq!(
        to_protobuf(b"{\"a\":\"\xff\"}").unwrap_err().to_string(),
        "text is not valid utf-8 at byte 6"
    );
}

#[test]
fn long_wrong_texts_are_shortened_in_errors() {
    assert!(span_error(&format!(r#""traceId":"{}""#, "z".repeat(5000))).len() < 300);
}

/// A value of `levels` nested arrays.
fn nested(levels: usize) -> String {
    let (open, close) = (r#"{"arrayValue":{"values":["#, "]}}");
    format!("{}{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn values_nest_as_deep_as_protobuf_may_and_are_cut_below() {
    let attribute = |levels| {
        let json = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"k","value":{}}}],"name":"n"}}]}}]}}]}}"#,
            nested(levels)
        );
        decode::spans(&to_protobuf(json.as_bytes()).unwrap())
    };
    assert_eq!(&*attribute(MAX_VALUE_DEPTH).unwrap()[0].name, "n");
    for levels in [MAX_VALUE_DEPTH + 1, 100_000] {
        assert!(attribute(levels).is_err(), "{levels}");
    }
}

#[test]
fn unknown_fields_may_nest_without_end() {
    let json = format!(r#"{{"x":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert!(spans(&json).is_empty());
}

#[test]
fn protobuf_is_not_larger_than_its_json() {
    let json = format!(r#"{{"resourceSpans":[{}{{}}]}}"#, "{},".repeat(10_000));
    assert!(to_protobuf(json.as_bytes()).unwrap().len() < json.len());
}
