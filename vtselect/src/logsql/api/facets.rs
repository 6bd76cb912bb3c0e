//! `facets`: the most frequent values of every field.

use axum::extract::{Request, State};
use axum::response::Response;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::super::ast::{Pipe, Query, pipes};
use super::super::exec::{ExecError, Flow, Text, json};
use super::super::run::Engine;
use super::LogsqlApi;
use super::arguments::Call;
use super::error::{ApiError, ErrorForm};

pub(super) async fn facets(State(api): State<Arc<LogsqlApi>>, request: Request) -> Response {
    respond(&api, request)
        .await
        .unwrap_or_else(|error| error.respond(ErrorForm::Text))
}

async fn respond(api: &LogsqlApi, request: Request) -> Result<Response, ApiError> {
    let mut call = Call::read(request).await?.into_query()?;
    let default = pipes::Facets::default();
    let or_default = |name, default| -> Result<u64, ApiError> {
        Ok(match call.call.count(name)? {
            0 => default,
            count => count,
        })
    };
    let shape = pipes::Facets {
        limit: or_default("limit", default.limit)?,
        max_values_per_field: or_default("max_values_per_field", default.max_values_per_field)?,
        max_value_len: or_default("max_value_len", default.max_value_len)?,
        keep_const_fields: call.call.is_on("keep_const_fields"),
    };
    call.query.drop_pipes();
    call.query.pipes.push(Pipe::Facets(shape));
    api.answer(&call, None, render).await
}

fn render(engine: &Engine, query: &Query) -> Result<String, ExecError> {
    let mut fields: BTreeMap<Text, Vec<(Text, Text)>> = BTreeMap::new();
    engine.run(query, &mut |rows| {
        for row in 0..rows.len() {
            let values = fields.entry(rows.get("field_name", row).into()).or_default();
            values.push((rows.get("field_value", row).into(), rows.get("hits", row).into()));
        }
        Ok(Flow::More)
    })?;
    let mut out = String::from("{\"facets\":[");
    for (i, (name, values)) in fields.iter().enumerate() {
        out.push_str(if i > 0 { ",{\"field_name\":" } else { "{\"field_name\":" });
        json::write_string(&mut out, name);
        out.push_str(",\"values\":[");
        for (i, (value, hits)) in values.iter().enumerate() {
            out.push_str(if i > 0 {
                ",{\"field_value\":"
            } else {
                "{\"field_value\":"
            });
            json::write_string(&mut out, value);
            // Writing to a String does not fail.
            let _ = write!(out, ",\"hits\":{hits}}}");
        }
        out.push_str("]}");
    }
    out.push_str("]}");
    Ok(out)
}
