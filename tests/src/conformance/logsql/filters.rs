//! Filters and the rows that they match.

use serde::Deserialize;
use vtselect::logsql::exec::Rows;
use vtselect::logsql::exec::filters::RowFilter;
use vtselect::logsql::parse_filter;
use vtselect::logsql::value::format_rfc3339;

use super::super::Outcome;
use super::{CONTEXT, Members, with_members};

/// Every row belongs to this stream.
const STREAM: [(&str, &str); 2] = [("instance", "host1:234"), ("job", "foobar")];
const STREAM_NAME: &str = r#"{instance="host1:234",job="foobar"}"#;

#[derive(Deserialize)]
struct Column {
    name: String,
    values: Vec<String>,
}

/// `{"filter","field","columns":[{"name","values"}],"match":[row indices]}`; cases about time have `timestamps` (ns)
/// instead of columns.
pub(super) fn filter(line: &str) -> Outcome {
    with_members(line, |case| {
        let Some(rows) = rows(case) else {
            return Outcome::Skipped("stream ids are hashes of the reference".to_owned());
        };
        match parse_filter(case.text("filter"), &CONTEXT) {
            Err(error) => Outcome::Failed(format!("refused: {}", error.reason())),
            Ok(filter) => match RowFilter::new(&filter) {
                Err(error) => Outcome::Skipped(error.to_string()),
                Ok(filter) => {
                    let matched = (0..).zip(filter.matches(&rows)).filter(|(_, matched)| *matched);
                    let matched: Vec<usize> = matched.map(|(row, _)| row).collect();
                    Outcome::equal(Some(matched), case.get("match"))
                }
            },
        }
    })
}

fn rows(case: &Members<'_>) -> Option<Rows> {
    let columns: Vec<Column> = case.get("columns").unwrap_or_default();
    let times: Vec<i64> = match case.get("timestamps") {
        Some(times) => times,
        None => (0..columns.first()?.values.len() as i64)
            .map(|row| row * 1_000_000_000)
            .collect(),
    };
    let mut rows = Rows::new(times.len());
    for (name, value) in STREAM.into_iter().chain([("_stream", STREAM_NAME)]) {
        rows.set(name, vec![value.into(); times.len()]);
    }
    rows.set("_time", times.into_iter().map(|ns| format_rfc3339(ns).into()).collect());
    for column in columns {
        rows.set(&column.name, column.values.into_iter().map(Into::into).collect());
    }
    Some(rows)
}
