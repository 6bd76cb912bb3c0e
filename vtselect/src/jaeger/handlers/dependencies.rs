//! `GET /api/dependencies`: calls between services, counted from stored spans.

use super::super::JaegerApi;
use super::super::envelope::{ApiError, Envelope, close_list, json_response};
use super::super::params;
use super::request::Call;
use crate::http::json;
use axum::extract::State;
use axum::response::Response;
use common::query::{Answer, Filter, Plan, Shape};
use common::time::{TimeRange, UnixNanos};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A day in milliseconds.
const DEFAULT_LOOKBACK_MILLIS: u64 = 86_400_000;

/// `endTs` and `lookback` in milliseconds, `service` keeps the edges to and from it.
pub(crate) async fn dependencies(State(api): State<Arc<JaegerApi>>, call: Call) -> Result<Response, ApiError> {
    let end = params::unsigned(&call.params, "endTs")?.map_or_else(UnixNanos::now, UnixNanos::from_millis);
    let lookback = params::unsigned(&call.params, "lookback")?.unwrap_or(DEFAULT_LOOKBACK_MILLIS);
    let start = UnixNanos(end.0.saturating_sub(UnixNanos::from_millis(lookback).0));
    let plan = Plan {
        tenant: call.tenant()?,
        range: TimeRange::new(start, end),
        filter: Filter::All,
        shape: Shape::Calls,
    };
    let whole = call.ask(&api, plan).await?;
    let edges = match whole.answer {
        Answer::Calls { edges, .. } => edges,
        _ => BTreeMap::new(),
    };
    let service = call.params.get("service");
    let mut envelope = Envelope::with_capacity(4 << 10);
    envelope.partial = whole.partial;
    let out = &mut envelope.out;
    out.push(b'[');
    for (edge, calls) in &edges {
        if service.is_some_and(|service| *edge.parent != *service && *edge.child != *service) {
            continue;
        }
        out.extend_from_slice(b"{\"parent\":");
        json::string(out, &edge.parent);
        out.extend_from_slice(b",\"child\":");
        json::string(out, &edge.child);
        out.extend_from_slice(b",\"callCount\":");
        json::unsigned(out, *calls);
        out.extend_from_slice(b"},");
    }
    close_list(out);
    Ok(json_response(envelope.close(0, &[], call.pretty())))
}
