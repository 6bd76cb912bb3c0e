//! The spans that a server gives when it is asked for them through Jaeger's API.

use super::{Entry, name_of};
use crate::process::Client;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// Traces that are asked for by id at a time.
const IDS_AT_A_TIME: usize = 100;

#[derive(Deserialize)]
pub(super) struct Answer {
    data: Vec<Trace>,
}

#[derive(Deserialize)]
struct Trace {
    #[serde(rename = "traceID")]
    id: String,
    spans: Vec<FoundSpan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundSpan {
    #[serde(rename = "traceID")]
    trace: String,
    #[serde(rename = "spanID")]
    id: String,
    operation_name: String,
}

pub(super) fn ask(server: &Client, query: &str) -> Answer {
    let body = server
        .try_complete(&format!("/select/jaeger/api/traces?{query}"))
        .expect("an answer");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The trace of each span found, by asking for all traces of the ledger.
pub(super) fn found_by_id(server: &Client, ledger: &BTreeMap<u64, Entry>) -> HashMap<u64, u128> {
    let ids = ledger.values().flat_map(|entry| &entry.spans).map(|ids| ids.trace);
    let ids: Vec<u128> = ids.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let mut found = HashMap::new();
    for ids in ids.chunks(IDS_AT_A_TIME) {
        let query: Vec<String> = ids.iter().map(|id| format!("traceID={id:032x}")).collect();
        collect(ask(server, &query.join("&")), &mut found);
    }
    found
}

pub(super) fn collect(answer: Answer, found: &mut HashMap<u64, u128>) {
    for trace in answer.data {
        for span in trace.spans {
            assert_eq!(span.trace, trace.id, "a span in another trace");
            let id = u64::from_str_radix(&span.id, 16).expect("a span id");
            assert_eq!(span.operation_name, name_of(id), "the name of span {id:x}");
            let trace = u128::from_str_radix(&trace.id, 16).expect("a trace id");
            assert_eq!(found.insert(id, trace), None, "span {id:x} is there twice");
        }
    }
}
