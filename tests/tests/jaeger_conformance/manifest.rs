//! Every fixture by its id in both lengths, and what the catalogue says of it.

use super::data::DataSet;
use super::searches::{ACCOUNT, text, texts};
use super::target::Target;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Reads what [`super::searches`] has written.
pub fn run(target: &Target, data: &DataSet) {
    let manifest = data.json("manifest.json");
    let manifest = manifest.as_object().expect("fixtures by name");
    assert_eq!(manifest.len(), data.trace_names().len());
    let mut services = BTreeMap::<String, BTreeSet<(String, String)>>::new();
    for (name, expected) in manifest {
        for id in ["trace_id", "trace_id_jaeger_v1"] {
            let traces = target.data(ACCOUNT, &format!("/api/traces/{}", text(&expected[id])));
            let [trace] = traces.as_array().expect("a list").as_slice() else {
                panic!("{name}: {traces}")
            };
            assert_eq!(trace["traceID"], expected["trace_id_jaeger_v1"], "{name}");
            compare(name, trace, expected);
        }
        for service in expected["services"].as_array().expect("services") {
            services.entry(text(&service["name"])).or_default();
        }
    }
    collect_operations(target, data, &mut services);
    let names = target.data(ACCOUNT, "/api/services");
    assert_eq!(texts(&names), services.keys().cloned().collect::<Vec<_>>());
}

fn compare(name: &str, trace: &Value, expected: &Value) {
    let spans = trace["spans"].as_array().expect("spans");
    assert_eq!(
        spans.len() as u64,
        expected["span_count"].as_u64().expect("a count"),
        "{name}"
    );
    let mut per_service = BTreeMap::<String, u64>::new();
    for span in spans {
        let process = &trace["processes"][text(&span["processID"])];
        *per_service.entry(text(&process["serviceName"])).or_default() += 1;
    }
    let services = expected["services"].as_array().expect("services");
    let services = services
        .iter()
        .map(|s| (text(&s["name"]), s["spanCount"].as_u64().expect("a count")));
    assert_eq!(per_service, services.collect(), "{name}");
    let mut durations: Vec<_> = spans
        .iter()
        .map(|span| span["duration"].as_u64().expect("microseconds"))
        .collect();
    let list = expected["span_durations_ns"].as_array().expect("durations");
    let mut expected: Vec<_> = list
        .iter()
        .map(|nanos| nanos.as_u64().expect("nanoseconds") / 1_000)
        .collect();
    durations.sort_unstable();
    expected.sort_unstable();
    assert_eq!(durations, expected, "{name}");
}

/// Both forms of the operations of every service agree with what the fixtures hold.
fn collect_operations(target: &Target, data: &DataSet, services: &mut BTreeMap<String, BTreeSet<(String, String)>>) {
    const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];
    for name in data.trace_names() {
        let trace = data.trace(&name);
        for group in trace["resourceSpans"].as_array().expect("groups") {
            let attributes = group["resource"]["attributes"].as_array().expect("attributes");
            let service = attributes
                .iter()
                .find(|a| a["key"] == "service.name")
                .expect("a service");
            let operations = services.entry(text(&service["value"]["stringValue"])).or_default();
            for scope in group["scopeSpans"].as_array().expect("scopes") {
                for span in scope["spans"].as_array().expect("spans") {
                    let kind = KINDS[span["kind"].as_u64().unwrap_or(0) as usize];
                    operations.insert((text(&span["name"]), kind.to_owned()));
                }
            }
        }
    }
    for (service, operations) in services {
        let names: BTreeSet<_> = operations.iter().map(|(name, _)| name.clone()).collect();
        let listed = target.data(ACCOUNT, &format!("/api/services/{service}/operations"));
        assert_eq!(texts(&listed), names.into_iter().collect::<Vec<_>>(), "{service}");
        let listed = target.data(ACCOUNT, &format!("/api/operations?service={service}"));
        let pairs = listed
            .as_array()
            .expect("a list")
            .iter()
            .map(|o| (text(&o["name"]), text(&o["spanKind"])));
        assert_eq!(pairs.collect::<BTreeSet<_>>(), *operations, "{service}");
    }
}
