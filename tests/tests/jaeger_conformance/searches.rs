//! The 25 searches of `queries.json` (as `http_queries.json` has them for HTTP) and the 2 of `queries_es.json`, all
//! against the traces of all of them.

use super::data::DataSet;
use super::target::Target;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub const ACCOUNT: u32 = 101;

pub fn run(target: &Target, data: &DataSet) {
    for name in data.trace_names() {
        target.write(ACCOUNT, &data.trace(&name));
    }
    let manifest = data.json("manifest.json");
    let mut cases = typical(data);
    cases.extend(with_patterns(data, &manifest));
    assert_eq!(cases.len(), 27, "all searches are read");
    let failed: Vec<_> = cases.iter().filter_map(|case| case.run(target, data).err()).collect();
    assert!(
        failed.is_empty(),
        "{} of {} searches failed: {failed:#?}",
        failed.len(),
        cases.len()
    );
}

struct Search {
    caption: String,
    params: Vec<(String, String)>,
    fixtures: Vec<String>,
    /// As Jaeger's HTTP API prints them
    trace_ids: BTreeSet<String>,
    spans: u64,
}

impl Search {
    fn run(&self, target: &Target, data: &DataSet) -> Result<(), String> {
        let params = self.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let reply = target.query(ACCOUNT, "/api/traces", params);
        if reply.status != 200 {
            return Err(format!("{}: {reply:?}", self.caption));
        }
        let answer = reply.json();
        let found = answer["data"]
            .as_array()
            .ok_or_else(|| format!("{}: {answer}", self.caption))?;
        let ids: BTreeSet<_> = found.iter().map(|trace| text(&trace["traceID"])).collect();
        let spans: u64 = found
            .iter()
            .map(|trace| trace["spans"].as_array().map_or(0, Vec::len) as u64)
            .sum();
        if (&ids, spans) != (&self.trace_ids, self.spans) || found.len() != ids.len() {
            return Err(format!(
                "{}: found {ids:?} with {spans} spans, not {:?}",
                self.caption, self.trace_ids
            ));
        }
        self.compare_whole(target, data, found)
    }

    /// Every field of every span: a found trace is what the fixture itself translates to.
    fn compare_whole(&self, target: &Target, data: &DataSet, found: &[Value]) -> Result<(), String> {
        for name in &self.fixtures {
            let translated = target.post("/api/transform", &data.trace(name).to_string()).json()["data"][0].take();
            let trace = found.iter().find(|trace| trace["traceID"] == translated["traceID"]);
            let trace = trace.ok_or_else(|| format!("{}: {name} is missing", self.caption))?;
            if normal(trace) != normal(&translated) {
                return Err(format!("{}: {name} differs: {trace} is not {translated}", self.caption));
            }
        }
        Ok(())
    }
}

/// Spans by id, each with its process; lists whose order the adjustments change are sorted.
fn normal(trace: &Value) -> BTreeMap<String, Value> {
    let sorted = |list: &Value| {
        let mut items: Vec<_> = list.as_array().expect("a list").iter().map(Value::to_string).collect();
        items.sort();
        Value::from(items)
    };
    let mut spans = BTreeMap::new();
    for span in trace["spans"].as_array().expect("spans") {
        let mut span = span.clone();
        let mut process = trace["processes"][text(&span["processID"])].clone();
        process["tags"] = sorted(&process["tags"]);
        span["processID"] = process;
        span["tags"] = sorted(&span["tags"]);
        for log in span["logs"].as_array_mut().expect("logs") {
            log["fields"] = sorted(&log["fields"]);
        }
        span["logs"] = sorted(&span["logs"]);
        span["warnings"] = Value::Null;
        spans.insert(text(&span["spanID"]), span);
    }
    spans
}

fn typical(data: &DataSet) -> Vec<Search> {
    let queries = data.json("http_queries.json");
    let queries = queries.as_array().expect("a list of queries");
    queries
        .iter()
        .map(|query| {
            let params = query["http_v1_params_unshifted"].as_object().expect("parameters");
            let shifted = params.iter().map(|(name, value)| match (name.as_str(), text(value)) {
                ("start" | "end", micros) => (name.clone(), data.shift_micros(&micros)),
                (_, value) => (name.clone(), value),
            });
            let fixtures = texts(&query["expected_fixtures"]);
            Search {
                caption: format!("{} {}", query["id"], query["caption"]),
                params: shifted.collect(),
                trace_ids: texts(&query["expected_trace_ids"]).iter().map(|id| short(id)).collect(),
                spans: query["expected_span_count"].as_u64().expect("a count"),
                fixtures,
            }
        })
        .collect()
}

/// Elasticsearch's two: their times are those of the other searches, their durations nanoseconds.
fn with_patterns(data: &DataSet, manifest: &Value) -> Vec<Search> {
    let (start, end) = (
        data.shift_micros("1485445591639875"),
        data.shift_micros("1485452791639875"),
    );
    let cases = data.json("queries_es.json");
    let cases = cases.as_array().expect("a list of queries");
    cases
        .iter()
        .map(|case| {
            let query = &case["Query"];
            assert_eq!(text(&query["StartTimeMin"]), "2017-01-26T15:46:31.639875Z");
            assert_eq!(text(&query["StartTimeMax"]), "2017-01-26T17:46:31.639875Z");
            assert_eq!(query["DurationMin"], 0);
            let max = query["DurationMax"].as_u64().expect("nanoseconds");
            let fixtures = texts(&case["ExpectedFixtures"]);
            let params = [
                ("service", text(&query["ServiceName"])),
                ("operation", text(&query["OperationName"])),
                ("tags", query["Tags"].to_string()),
                ("start", start.clone()),
                ("end", end.clone()),
                ("maxDuration", if max == 0 { String::new() } else { format!("{max}ns") }),
                ("limit", query["NumTraces"].to_string()),
            ];
            Search {
                caption: text(&case["Caption"]),
                params: params
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
                trace_ids: fixtures
                    .iter()
                    .map(|name| text(&manifest[name]["trace_id_jaeger_v1"]))
                    .collect(),
                spans: fixtures
                    .iter()
                    .filter_map(|name| manifest[name]["span_count"].as_u64())
                    .sum(),
                fixtures,
            }
        })
        .collect()
}

/// A trace id without the zeros of its upper half.
fn short(id: &str) -> String {
    id.strip_prefix("0000000000000000").unwrap_or(id).to_owned()
}

pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("a text, not {value}"))
        .to_owned()
}

pub fn texts(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(text).collect()
}
