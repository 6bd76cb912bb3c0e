//! `stats_query` and `stats_query_range`: the results of `stats` as Prometheus has vectors and matrices.

use axum::extract::{Request, State};
use axum::response::Response;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::super::ast::{Pipe, Query};
use super::super::exec::stats::metric_value;
use super::super::exec::{ExecError, Flow, Rows, Text, json};
use super::super::fields::TIME;
use super::super::rewrite::StatsColumns;
use super::super::run::Engine;
use super::super::value::{SECOND, parse_rfc3339};
use super::LogsqlApi;
use super::arguments::Call;
use super::error::{ApiError, ErrorForm};

pub(super) async fn instant(State(api): State<Arc<LogsqlApi>>, request: Request) -> Response {
    let response = respond_instant(&api, request).await;
    response.unwrap_or_else(|error| error.respond(ErrorForm::Prometheus))
}

pub(super) async fn range(State(api): State<Arc<LogsqlApi>>, request: Request) -> Response {
    let response = respond_range(&api, request).await;
    response.unwrap_or_else(|error| error.respond(ErrorForm::Prometheus))
}

async fn respond_instant(api: &LogsqlApi, request: Request) -> Result<Response, ApiError> {
    let call = Call::read(request).await?.into_query()?;
    let columns = call
        .query
        .stats_columns()
        .map_err(|e| ApiError::bad_request(e.to_string()))?;
    let at = call.at;
    api.answer(&call, None, move |engine, query| vector(engine, query, &columns, at))
        .await
}

async fn respond_range(api: &LogsqlApi, request: Request) -> Result<Response, ApiError> {
    let mut call = Call::read(request).await?.into_query()?;
    let step = step(&call.call)?;
    let columns = call.query.stats_columns_by_step(step);
    let columns = columns.map_err(|error| ApiError::bad_request(error.to_string()))?;
    let seconds = step as f64 / SECOND as f64;
    api.answer(&call, Some(seconds), move |engine, query| {
        matrix(engine, query, &columns)
    })
    .await
}

/// The step between buckets, nanoseconds.
pub(super) fn step(call: &Call) -> Result<i64, ApiError> {
    match call.duration("step", "1d")? {
        step @ 1.. => Ok(step),
        _ => Err(ApiError::bad_request("'step' must be bigger than zero")),
    }
}

/// One value of a series.
struct Point {
    /// The series: its name and labels as a JSON object
    metric: String,
    time: Option<Text>,
    value: Text,
}

/// The values in the rows, one for each row and metric.
fn points(engine: &Engine, query: &Query, columns: &StatsColumns) -> Result<Vec<Point>, ExecError> {
    let mut points = Vec::new();
    engine.run(query, &mut |rows| {
        // Columns without any value may be left out of rows.
        let there = rows
            .columns
            .iter()
            .map(|column| &*column.name)
            .filter(|name| columns.metrics.contains(*name));
        let missing = columns
            .metrics
            .iter()
            .map(String::as_str)
            .filter(|name| rows.column(name).is_none());
        let metrics: Vec<&str> = there.chain(missing).collect();
        for row in 0..rows.len() {
            for name in &metrics {
                points.push(Point {
                    metric: metric(name, columns, &rows, row),
                    time: rows.column(TIME).and_then(|column| column.values.get(row)).cloned(),
                    value: metric_value(&rows.get(name, row).into()),
                });
            }
        }
        Ok(Flow::More)
    })?;
    Ok(points)
}

fn metric(name: &str, columns: &StatsColumns, rows: &Rows, row: usize) -> String {
    let mut out = String::from("{\"__name__\":");
    json::write_string(&mut out, name);
    for label in columns.labels.iter().filter(|label| *label != TIME) {
        out.push(',');
        json::write_string(&mut out, label);
        out.push(':');
        json::write_string(&mut out, rows.get(label, row));
    }
    out.push('}');
    out
}

/// Seconds with the fraction that a double has.
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / SECOND as f64
}

fn vector(engine: &Engine, query: &Query, columns: &StatsColumns, at: i64) -> Result<String, ExecError> {
    let mut points = points(engine, query, columns)?;
    let in_order = |pipe: &Pipe| matches!(pipe, Pipe::Sort(_) | Pipe::First(_) | Pipe::Last(_));
    if !query.pipes.iter().any(in_order) {
        points.sort_by(|a, b| a.metric.cmp(&b.metric));
    }
    let time = seconds(at);
    let mut out = head("vector", engine.limits().is_partial());
    for (i, point) in points.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        // Writing to a String does not fail.
        let _ = write!(out, "{comma}{{\"metric\":{},\"value\":[{time},", point.metric);
        json::write_string(&mut out, &point.value);
        out.push_str("]}");
    }
    out.push_str("]}}");
    Ok(out)
}

fn matrix(engine: &Engine, query: &Query, columns: &StatsColumns) -> Result<String, ExecError> {
    let mut series: BTreeMap<String, Vec<(i64, Text)>> = BTreeMap::new();
    for point in points(engine, query, columns)? {
        let time = point.time.as_deref().and_then(parse_rfc3339).unwrap_or_default();
        series.entry(point.metric).or_default().push((time, point.value));
    }
    let mut out = head("matrix", engine.limits().is_partial());
    for (i, (metric, mut points)) in series.into_iter().enumerate() {
        points.sort_by_key(|(time, _)| *time);
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{{\"metric\":{metric},\"values\":[");
        for (i, (time, value)) in points.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let _ = write!(out, "{comma}[{},", seconds(*time));
            json::write_string(&mut out, value);
            out.push(']');
        }
        out.push_str("]}");
    }
    out.push_str("]}}");
    Ok(out)
}

fn head(kind: &str, partial: bool) -> String {
    let partial = if partial { "\"isPartial\":true," } else { "" };
    format!("{{\"status\":\"success\",{partial}\"data\":{{\"resultType\":\"{kind}\",\"result\":[")
}
