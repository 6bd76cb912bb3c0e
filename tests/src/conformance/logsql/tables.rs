//! Tables of single functions: `{"table","args":{...}}`. A table is run by the function of its name in the list.

use serde_json::value::RawValue;

use super::super::Outcome;
use super::{Members, matches, not_wired, pipes, queries, values, with_members};

/// The tables and how a row of each is run.
pub(super) type Tables = &'static [(&'static str, fn(&Members<'_>) -> Outcome)];

/// A row of any table. Tables of functions that are part of the execution are skipped.
pub(super) fn table(line: &str) -> Outcome {
    with_members(line, |case| {
        let name = case.text("table");
        let found = values::TABLES
            .iter()
            .chain(queries::TABLES)
            .chain(matches::TABLES)
            .chain(pipes::TABLES)
            .find(|(table, _)| *table == name);
        match found {
            Some((_, run)) => with_members(case.get::<&RawValue>("args").map_or("", RawValue::get), run),
            None => not_wired(&format!("table {name}")),
        }
    })
}
