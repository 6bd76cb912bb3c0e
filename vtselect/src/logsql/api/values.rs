//! Names of fields, values of fields, and streams, each with its number of rows.

use axum::extract::{Request, State};
use axum::response::Response;
use std::fmt::Write as _;
use std::sync::Arc;

use super::super::ast::{Pipe, Query, pipes};
use super::super::exec::{ExecError, Flow, Text, json};
use super::super::fields::{STREAM, STREAM_ID, Stream};
use super::super::parse::parse_pipe;
use super::super::run::Engine;
use super::super::{ParseContext, quote_if_needed};
use super::LogsqlApi;
use super::arguments::Call;
use super::error::{ApiError, ErrorForm};

/// A value and the number of its rows.
type Hits = (Text, u64);

/// Makes a handler out of what asks for the values.
macro_rules! handlers {
    ($($(#[$doc:meta])* $name:ident($call:ident) $of:expr;)+) => {$(
        $(#[$doc])*
        pub(super) async fn $name(State(api): State<Arc<LogsqlApi>>, request: Request) -> Response {
            let response = match Call::read(request).await {
                Ok($call) => match $of {
                    Ok(of) => respond(&api, $call, of).await,
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            response.unwrap_or_else(|error| error.respond(ErrorForm::Text))
        }
    )+};
}

handlers! {
    /// `field_names`
    field_names(call) Ok::<_, ApiError>(Of::Names);
    /// `field_values`
    field_values(call) call.field().map(Of::Values);
    /// `stream_field_names`
    stream_field_names(call) Ok::<_, ApiError>(Of::Labels);
    /// `stream_field_values`
    stream_field_values(call) call.field().map(Of::Label);
    /// `streams`
    streams(call) Ok::<_, ApiError>(Of::Values(STREAM.to_owned()));
    /// `stream_ids`
    stream_ids(call) Ok::<_, ApiError>(Of::Values(STREAM_ID.to_owned()));
}

/// What is asked for.
enum Of {
    Names,
    Values(String),
    /// The labels of streams
    Labels,
    /// The values of one of them
    Label(String),
}

async fn respond(api: &LogsqlApi, call: Call, of: Of) -> Result<Response, ApiError> {
    let mut call = call.into_query()?;
    let limit = call.call.count("limit")?;
    let part = call.call.get("filter").unwrap_or_default().to_owned();
    let query = &mut call.query;
    query.drop_pipes();
    let labels_only = matches!(&of, Of::Label(_));
    let known_label = |name: &String| Stream::labels().contains(&name.as_str());
    match of {
        Of::Label(name) if !known_label(&name) => return Ok(super::handle::json_response(render(Vec::new()))),
        Of::Values(field) | Of::Label(field) => {
            // A filter on the values, or one value less than there are, needs all of them.
            let limit = if part.is_empty() && !labels_only { limit } else { 0 };
            query.pipes.push(Pipe::FieldValues(pipes::FieldValues { field, limit }));
        }
        Of::Names => query.pipes.push(pipe("field_names")?),
        Of::Labels => query.pipes.push(pipe(&count_labels())?),
    }
    let names_are_columns = matches!(query.pipes.first(), Some(Pipe::Stats(_)));
    api.answer(&call, None, move |engine, query| {
        let mut values = if names_are_columns {
            columns(engine, query)?
        } else {
            rows(engine, query)?
        };
        values.retain(|(value, _)| value.contains(&part) && !(labels_only && value.is_empty()));
        values.sort_by(|(a, a_hits), (b, b_hits)| b_hits.cmp(a_hits).then_with(|| a.cmp(b)));
        if let Ok(limit @ 1..) = usize::try_from(limit)
            && values.len() > limit
        {
            values.truncate(limit);
            values.iter_mut().for_each(|(_, hits)| *hits = 0);
        }
        Ok(render(values))
    })
    .await
}

fn pipe(text: &str) -> Result<Pipe, ApiError> {
    parse_pipe(text, &ParseContext::at(0)).map_err(|error| ApiError::internal(error.to_string()))
}

/// The pipe that counts the rows with each label.
fn count_labels() -> String {
    let count = |label| {
        let label = quote_if_needed(label);
        format!("count({label}) as {label}")
    };
    format!("stats {}", Stream::labels().map(count).join(", "))
}

/// Values in rows: the first column has the value, the second its hits.
fn rows(engine: &Engine, query: &Query) -> Result<Vec<Hits>, ExecError> {
    let mut values = Vec::new();
    engine.run(query, &mut |rows| {
        if let [names, hits, ..] = rows.columns.as_slice() {
            let hits = hits.values.iter().map(|hits| hits.parse().unwrap_or_default());
            values.extend(names.values.iter().cloned().zip(hits));
        }
        Ok(Flow::More)
    })?;
    Ok(values)
}

/// Values that are names of columns, with their hits in the only row.
fn columns(engine: &Engine, query: &Query) -> Result<Vec<Hits>, ExecError> {
    let mut values = Vec::new();
    engine.run(query, &mut |rows| {
        let hits = rows.columns.iter().map(|column| {
            let hits = column.values.first().and_then(|hits| hits.parse().ok());
            (column.name.clone(), hits.unwrap_or_default())
        });
        values.extend(hits.filter(|(_, hits)| *hits > 0));
        Ok(Flow::More)
    })?;
    Ok(values)
}

fn render(values: Vec<Hits>) -> String {
    let mut out = String::from("{\"values\":[");
    for (i, (value, hits)) in values.iter().enumerate() {
        out.push_str(if i > 0 { ",{\"value\":" } else { "{\"value\":" });
        json::write_string(&mut out, value);
        // Writing to a String does not fail.
        let _ = write!(out, ",\"hits\":{hits}}}");
    }
    out.push_str("]}");
    out
}
