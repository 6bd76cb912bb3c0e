//! Traces by id and by search.

use super::super::JaegerApi;
use super::super::adjust;
use super::super::envelope::{ApiError, Envelope, MissingTrace, Written, close_list, json_response};
use super::super::ids::parse_trace_id;
use super::super::params;
use super::super::render::TraceWriter;
use super::super::search::{self, Wanted};
use super::request::Call;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use common::ids::TraceId;
use common::query::{Answer, Plan};
use common::span::Trace;
use common::time::UnixNanos;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Answers with more spans are written on a thread that may block.
const INLINE_SPANS: usize = 2_000;

/// `GET /api/traces`: a search, or the traces of repeated `traceID` parameters.
pub(crate) async fn search(State(api): State<Arc<JaegerApi>>, call: Call) -> Result<Response, ApiError> {
    let tenant = call.tenant()?;
    let request = search::parse(&call.params, tenant, UnixNanos::now(), api.max_traces)?;
    let form = Form {
        raw: request.raw,
        pretty: call.pretty(),
        max_clock_skew: api.max_clock_skew,
    };
    match request.what {
        Wanted::Matching(plan) => respond(found(&api, &call, *plan).await?, Vec::new(), form).await,
        Wanted::Ids(ids) => {
            let found = found(&api, &call, Plan::traces_by_id(tenant, ids.clone())).await?;
            let known: HashSet<TraceId> = found.traces.iter().map(|trace| trace.trace_id).collect();
            let missing = ids
                .into_iter()
                .filter(|id| !known.contains(id))
                .map(MissingTrace)
                .collect();
            respond(found, missing, form).await
        }
    }
}

/// `GET /api/traces/{traceID}`. `start` and `end` are hints in an unknown unit (Jaeger says microseconds, Grafana
/// sends milliseconds); nothing needs them here.
pub(crate) async fn trace(
    State(api): State<Arc<JaegerApi>>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Response, ApiError> {
    let id = parse_trace_id(&id).map_err(|e| ApiError::bad_request(format!("cannot parse traceID: {e}")))?;
    params::integer(&call.params, "start")?;
    params::integer(&call.params, "end")?;
    let raw = params::boolean(&call.params, "raw")?;
    let form = Form {
        raw,
        pretty: call.pretty(),
        max_clock_skew: api.max_clock_skew,
    };
    let found = found(&api, &call, Plan::traces_by_id(call.tenant()?, vec![id])).await?;
    match (found.traces.is_empty(), found.partial) {
        (true, false) => return Err(ApiError::trace_not_found()),
        (true, true) => return Err(ApiError::trace_not_reached()),
        (false, _) => {}
    }
    respond(found, Vec::new(), form).await
}

/// How traces shall be shown.
#[derive(Debug, Clone, Copy)]
struct Form {
    raw: bool,
    pretty: bool,
    max_clock_skew: Duration,
}

/// The traces of an answer.
struct Found {
    traces: Vec<Trace>,
    /// Some could not be reached
    partial: bool,
}

/// The traces of a plan's answer; none of them is empty, which Grafana relies on.
async fn found(api: &JaegerApi, call: &Call, plan: Plan) -> Result<Found, ApiError> {
    let whole = call.ask(api, plan).await?;
    let traces = match whole.answer {
        Answer::Traces { found, .. } => found
            .into_iter()
            .map(|found| found.trace)
            .filter(|trace| !trace.spans.is_empty())
            .collect(),
        _ => Vec::new(),
    };
    Ok(Found {
        traces,
        partial: whole.partial,
    })
}

async fn respond(found: Found, missing: Vec<MissingTrace>, form: Form) -> Result<Response, ApiError> {
    let spans: usize = found.traces.iter().map(|trace| trace.spans.len()).sum();
    if spans <= INLINE_SPANS {
        return Ok(json_response(write(found, &missing, form)));
    }
    let written = tokio::task::spawn_blocking(move || write(found, &missing, form)).await;
    written
        .map(json_response)
        .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
}

fn write(found: Found, missing: &[MissingTrace], form: Form) -> Written {
    let Found { mut traces, partial } = found;
    if !form.raw {
        for trace in &mut traces {
            adjust::standard(&mut trace.spans, form.max_clock_skew);
        }
    }
    let mut envelope = Envelope::with_capacity(4 << 10);
    envelope.partial = partial;
    let mut writer = TraceWriter::new(!form.raw, partial);
    envelope.out.push(b'[');
    for trace in &traces {
        writer.write(&mut envelope.out, trace.trace_id, &trace.spans);
        envelope.out.push(b',');
    }
    close_list(&mut envelope.out);
    envelope.close(0, missing, form.pretty)
}
