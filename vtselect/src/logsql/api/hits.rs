//! `hits`: how many rows there are in each step of time, by the values of some fields.

use axum::extract::{Request, State};
use axum::response::Response;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::super::ast::Query;
use super::super::exec::{ExecError, Flow, Rows, json};
use super::super::fields::TIME;
use super::super::run::Engine;
use super::super::value::{format_rfc3339, parse_rfc3339};
use super::LogsqlApi;
use super::arguments::Call;
use super::error::{ApiError, ErrorForm};
use super::stats::step;

/// The series of all rows, or of those beyond the limit.
const NO_FIELDS: &str = "{}";

/// Hits by the start of their step.
type Hits = BTreeMap<i64, u64>;

pub(super) async fn hits(State(api): State<Arc<LogsqlApi>>, request: Request) -> Response {
    respond(&api, request)
        .await
        .unwrap_or_else(|error| error.respond(ErrorForm::Text))
}

async fn respond(api: &LogsqlApi, request: Request) -> Result<Response, ApiError> {
    let mut call = Call::read(request).await?.into_query()?;
    let step = step(&call.call)?;
    let offset = call.call.duration("offset", "0s")?;
    let fields = call.call.all("field");
    let most = call.call.count("fields_limit")?;
    call.query.drop_pipes();
    call.query.add_hits(step, offset, &fields);
    // Series are ordered here.
    call.query.pipes.truncate(1);
    api.answer(&call, None, move |engine, query| {
        let mut series = series(engine, query, &fields)?;
        if most > 0 {
            keep_largest(&mut series, usize::try_from(most).unwrap_or(usize::MAX));
        }
        Ok(render(&series))
    })
    .await
}

fn series(engine: &Engine, query: &Query, fields: &[String]) -> Result<BTreeMap<String, Hits>, ExecError> {
    let mut series: BTreeMap<String, Hits> = BTreeMap::new();
    engine.run(query, &mut |rows| {
        for row in 0..rows.len() {
            let time = parse_rfc3339(rows.get(TIME, row)).unwrap_or_default();
            let hits: u64 = rows.get("hits", row).parse().unwrap_or_default();
            let own = series.entry(labels(&rows, row, fields)).or_default();
            *own.entry(time).or_default() += hits;
        }
        Ok(Flow::More)
    })?;
    Ok(series)
}

fn labels(rows: &Rows, row: usize, fields: &[String]) -> String {
    let mut out = String::from("{");
    for field in fields {
        if out.len() > 1 {
            out.push(',');
        }
        json::write_string(&mut out, field);
        out.push(':');
        json::write_string(&mut out, rows.get(field, row));
    }
    out.push('}');
    out
}

/// Keeps the series with most hits; all others become one without fields.
fn keep_largest(series: &mut BTreeMap<String, Hits>, most: usize) {
    if series.len() <= most {
        return;
    }
    let mut order: Vec<(u64, String)> = series
        .iter()
        .map(|(fields, hits)| (total(hits), fields.clone()))
        .collect();
    order.sort_by(|(a, a_fields), (b, b_fields)| b.cmp(a).then_with(|| a_fields.cmp(b_fields)));
    let mut others = Hits::new();
    for (_, fields) in order.into_iter().skip(most) {
        for (time, hits) in series.remove(&fields).unwrap_or_default() {
            *others.entry(time).or_default() += hits;
        }
    }
    series.insert(NO_FIELDS.to_owned(), others);
}

fn total(hits: &Hits) -> u64 {
    hits.values().sum()
}

fn render(series: &BTreeMap<String, Hits>) -> String {
    let mut out = String::from("{\"hits\":[");
    for (i, (fields, hits)) in series.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        // Writing to a String does not fail.
        let _ = write!(out, "{comma}{{\"fields\":{fields},\"timestamps\":[");
        for (i, time) in hits.keys().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let _ = write!(out, "{comma}\"{}\"", format_rfc3339(*time));
        }
        out.push_str("],\"values\":[");
        for (i, hits) in hits.values().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let _ = write!(out, "{comma}{hits}");
        }
        let _ = write!(out, "],\"total\":{}}}", total(hits));
    }
    out.push_str("]}");
    out
}
