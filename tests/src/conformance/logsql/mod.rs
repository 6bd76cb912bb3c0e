//! The conformance data of LogsQL. Each kind of file has one function that runs a line.

mod filters;
mod matches;
mod parsing;
mod pipes;
mod queries;
mod tables;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use vtselect::logsql::ParseContext;

use super::{Case, FileReport, Outcome};

/// The files and how a line of each is run.
const FILES: [(&str, Case); 7] = [
    ("logsql_parse.jsonl", parsing::query),
    ("logsql_pipe_parse.jsonl", parsing::pipe),
    ("logsql_stats_parse.jsonl", parsing::stats_func),
    ("logsql_tables.jsonl", tables::table),
    ("logsql_filters.jsonl", filters::filter),
    ("logsql_pipes.jsonl", pipes::pipe),
    ("logsql_stats.jsonl", pipes::pipe),
];

/// "Now" of the cases; they depend on it only for the lengths of time ranges.
const CONTEXT: ParseContext = ParseContext {
    now: 1_700_000_000_000_000_000,
    zone_offset: 0,
};

/// Runs the files that are in the folder.
pub fn run(folder: &Path) -> Vec<FileReport> {
    FILES
        .iter()
        .filter_map(|(name, case)| FileReport::of(folder, name, *case))
        .collect()
}

fn not_wired(what: &str) -> Outcome {
    Outcome::Skipped(format!("execution not wired yet: {what}"))
}

/// The members of a case. Their text is kept, so that numbers are exactly those of the file.
struct Members<'l> {
    raw: BTreeMap<String, &'l RawValue>,
    strings: BTreeMap<String, String>,
}

impl<'l> Members<'l> {
    fn read(json: &'l str) -> serde_json::Result<Self> {
        let raw: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
        let string = |value: &RawValue| serde_json::from_str(value.get()).ok();
        let strings = raw
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), string(value)?)))
            .collect();
        Ok(Self { raw, strings })
    }

    fn get<T: Deserialize<'l>>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.raw.get(key)?.get()).ok()
    }

    /// A string; "" when there is none.
    fn text(&self, key: &str) -> &str {
        self.strings.get(key).map_or("", String::as_str)
    }

    /// A list of strings; empty when there is none.
    fn list(&self, key: &str) -> Vec<String> {
        self.get(key).unwrap_or_default()
    }

    /// A number, or one of the strings `"+Inf"`, `"-Inf"`, `"NaN"`; not a number when there is none. Large integers
    /// in the data are only as exact as a `f64`.
    fn number(&self, key: &str) -> f64 {
        let text = self.raw.get(key).map_or("", |raw| raw.get().trim_matches('"'));
        text.parse().unwrap_or(f64::NAN)
    }
}

/// Runs a line that has members.
fn with_members(line: &str, run: impl FnOnce(&Members<'_>) -> Outcome) -> Outcome {
    match Members::read(line) {
        Ok(members) => run(&members),
        Err(error) => Outcome::Failed(format!("the line cannot be read: {error}")),
    }
}

/// Passed when the numbers are equal, or both are not numbers.
fn same_number(found: f64, expected: f64) -> Outcome {
    let same = found == expected || found.is_nan() && expected.is_nan();
    Outcome::check(same, || format!("found {found}, expected {expected}"))
}
