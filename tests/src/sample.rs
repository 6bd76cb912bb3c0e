//! Small OTLP/JSON requests for tests that care about a server and not about what is in a span.

use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// A request with one trace of `spans` spans, children of the first, of the service `service`, that start now.
pub fn trace(trace_id: &str, service: &str, spans: u64) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_nanos() as u64;
    let span = |n: u64| {
        json!({
            "traceId": trace_id,
            "spanId": format!("{:016x}", n + 1),
            "parentSpanId": if n == 0 { String::new() } else { format!("{:016x}", 1) },
            "name": format!("operation-{n}"),
            "kind": 2,
            "startTimeUnixNano": (now + n).to_string(),
            "endTimeUnixNano": (now + n + 1_000_000).to_string(),
            "attributes": [{"key": "n", "value": {"intValue": n.to_string()}}],
        })
    };
    let service = json!({"key": "service.name", "value": {"stringValue": service}});
    json!({"resourceSpans": [{
        "resource": {"attributes": [service]},
        "scopeSpans": [{"scope": {"name": "sample"}, "spans": (0..spans).map(span).collect::<Vec<_>>()}],
    }]})
}
