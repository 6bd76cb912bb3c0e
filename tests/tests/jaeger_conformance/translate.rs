//! The exact JSON of two translations.

use super::data::DataSet;
use super::searches::text;
use super::target::Target;
use serde_json::{Value, json};

pub fn run(target: &Target, data: &DataSet) {
    otlp(target, data);
    model(target, data);
}

/// `POST /api/transform` of one OTLP request, repeated spans and all.
fn otlp(target: &Target, data: &DataSet) {
    let reply = target.post(
        "/api/transform",
        &data.json("translate/otlp2jaeger-in.json").to_string(),
    );
    assert_eq!((reply.status, reply.content_type.as_str()), (200, "application/json"));
    assert_eq!(reply.json(), data.json("translate/otlp2jaeger-out.json"));
}

/// A trace in Jaeger's own model, written as the OTLP that carries it. Only the warnings of a whole trace have no
/// place in OTLP.
fn model(target: &Target, data: &DataSet) {
    let model = data.json("translate/jaeger-model-example.json");
    let groups: Vec<_> = model["spans"]
        .as_array()
        .expect("spans")
        .iter()
        .map(resource_spans)
        .collect();
    let reply = target.post("/api/transform", &json!({"resourceSpans": groups}).to_string());
    let mut expected = data.json("translate/jaeger-http-json-example.json");
    expected["warnings"] = Value::Null;
    assert_eq!(reply.json()["data"], json!([expected]));
}

fn resource_spans(span: &Value) -> Value {
    let service = json!({"key": "service.name", "value": {"stringValue": span["process"]["serviceName"]}});
    let mut attributes = key_values(&span["tags"]);
    if let Some(warnings) = span["warnings"].as_array() {
        let values: Vec<_> = warnings.iter().map(|warning| json!({"stringValue": warning})).collect();
        attributes.push(json!({"key": "@jaeger@warnings", "value": {"arrayValue": {"values": values}}}));
    }
    let (parent, links) = references(span);
    let logs = span["logs"].as_array().into_iter().flatten();
    let events = logs.map(
        |log| json!({"timeUnixNano": nanos(&log["timestamp"]).to_string(), "attributes": key_values(&log["fields"])}),
    );
    let start = nanos(&span["startTime"]);
    let duration: u64 = text(&span["duration"])
        .trim_end_matches("ns")
        .parse()
        .expect("nanoseconds");
    let span = json!({
        "traceId": hex(&span["traceId"]),
        "spanId": hex(&span["spanId"]),
        "parentSpanId": parent,
        "name": span["operationName"],
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": (start + duration).to_string(),
        "attributes": attributes,
        "events": events.collect::<Vec<_>>(),
        "links": links,
    });
    json!({"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [span]}]})
}

/// A single reference is the parent; several are links.
fn references(span: &Value) -> (String, Vec<Value>) {
    let references = span["references"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let [only] = references {
        return (hex(&only["spanId"]), Vec::new());
    }
    let link = |reference: &Value| {
        let ref_type = text(reference.get("refType").unwrap_or(&json!("CHILD_OF"))).to_lowercase();
        json!({
            "traceId": hex(&reference["traceId"]),
            "spanId": hex(&reference["spanId"]),
            "attributes": [{"key": "opentracing.ref_type", "value": {"stringValue": ref_type}}],
        })
    };
    (String::new(), references.iter().map(link).collect())
}

fn key_values(tags: &Value) -> Vec<Value> {
    let tags = tags.as_array().into_iter().flatten();
    let value = |tag: &Value| match tag.get("vType").and_then(Value::as_str) {
        None | Some("STRING") => json!({"stringValue": tag["vStr"]}),
        Some("BOOL") => json!({"boolValue": tag["vBool"]}),
        Some("INT64") => json!({"intValue": tag["vInt64"]}),
        Some("FLOAT64") => json!({"doubleValue": tag["vFloat64"]}),
        Some("BINARY") => json!({"bytesValue": tag["vBinary"]}),
        Some(other) => panic!("unknown type {other}"),
    };
    tags.map(|tag| json!({"key": tag["key"], "value": value(tag)}))
        .collect()
}

/// All times of the example are the same one.
fn nanos(time: &Value) -> u64 {
    assert_eq!(time, "2017-01-26T16:46:31.639875139-05:00");
    1_485_467_191_639_875_139
}

/// Bytes in base64 as hexadecimal digits.
fn hex(base64: &Value) -> String {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut bits_held, mut out) = (0u32, 0, String::new());
    for c in text(base64).trim_end_matches('=').chars() {
        bits = bits << 6 | DIGITS.find(c).expect("a base64 digit") as u32;
        bits_held += 6;
        if bits_held >= 8 {
            bits_held -= 8;
            out += &format!("{:02x}", (bits >> bits_held) & 0xff);
        }
    }
    out
}
