//! Services and their operations, from the catalogue.

use super::super::JaegerApi;
use super::super::envelope::{ApiError, Envelope, close_list, json_response};
use super::request::Call;
use crate::http::json;
use axum::extract::{Path, State};
use axum::response::Response;
use common::query::{Answer, CatalogueQuery, Operation, Plan};
use common::span::SpanKind;
use percent_encoding::percent_decode_str;
use std::collections::BTreeSet;
use std::sync::Arc;

/// `GET /api/services`: all names, sorted.
pub(crate) async fn services(State(api): State<Arc<JaegerApi>>, call: Call) -> Result<Response, ApiError> {
    let plan = Plan::catalogue(call.tenant()?, CatalogueQuery::Services);
    let whole = call.ask(&api, plan).await?;
    let Answer::Services(names) = whole.answer else {
        return Ok(no_names(&call, "[]", whole.partial));
    };
    Ok(texts(names.iter().map(|name| &**name), &call, whole.partial))
}

/// `GET /api/services/{service}/operations`: names over all kinds, `null` where there are none.
///
/// The service is decoded twice, as Jaeger does for names with slashes; a name that holds an encoded-looking text
/// itself is found by its single decoding.
pub(crate) async fn operation_names(
    State(api): State<Arc<JaegerApi>>,
    Path(once): Path<String>,
    call: Call,
) -> Result<Response, ApiError> {
    let twice = percent_decode_str(&once.replace('+', " "))
        .decode_utf8()
        .map(|text| text.into_owned());
    let candidates = [twice.ok().filter(|twice| *twice != once), Some(once)];
    let mut partial = false;
    for service in candidates.into_iter().flatten() {
        let (found, short) = find_operations(&api, &call, &service, None).await?;
        partial |= short;
        let names: BTreeSet<&str> = found.iter().map(|operation| &*operation.name).collect();
        if !names.is_empty() {
            return Ok(texts(names, &call, partial));
        }
    }
    Ok(no_names(&call, "null", partial))
}

/// `GET /api/operations?service=&spanKind=`: names with kinds.
pub(crate) async fn operations(State(api): State<Arc<JaegerApi>>, call: Call) -> Result<Response, ApiError> {
    let Some(service) = call.params.get("service") else {
        return Err(ApiError::bad_request("parameter 'service' is required"));
    };
    let kind = match call.params.get("spanKind").map(SpanKind::from_name) {
        Some(None) => return Ok(no_names(&call, "[]", false)),
        Some(kind) => kind,
        None => None,
    };
    let (found, partial) = find_operations(&api, &call, service, kind).await?;
    // Kinds without a name look alike.
    let shown: BTreeSet<_> = found
        .iter()
        .map(|operation| (&*operation.name, operation.kind.name()))
        .collect();
    let mut envelope = Envelope::with_capacity(64 * shown.len() + 64);
    envelope.partial = partial;
    envelope.out.push(b'[');
    for (name, kind) in &shown {
        envelope.out.extend_from_slice(b"{\"name\":");
        json::string(&mut envelope.out, name);
        envelope.out.extend_from_slice(b",\"spanKind\":\"");
        envelope.out.extend_from_slice(kind.as_bytes());
        envelope.out.extend_from_slice(b"\"},");
    }
    close_list(&mut envelope.out);
    Ok(json_response(envelope.close(shown.len(), &[], call.pretty())))
}

/// The operations, and whether some could not be reached.
async fn find_operations(
    api: &JaegerApi,
    call: &Call,
    service: &str,
    kind: Option<SpanKind>,
) -> Result<(BTreeSet<Operation>, bool), ApiError> {
    let query = CatalogueQuery::Operations {
        service: service.into(),
        kind,
    };
    let whole = call.ask(api, Plan::catalogue(call.tenant()?, query)).await?;
    match whole.answer {
        Answer::Operations(found) => Ok((found, whole.partial)),
        _ => Ok((BTreeSet::new(), whole.partial)),
    }
}

fn texts<'a>(names: impl IntoIterator<Item = &'a str>, call: &Call, partial: bool) -> Response {
    let mut envelope = Envelope::with_capacity(4 << 10);
    envelope.partial = partial;
    let mut total = 0;
    envelope.out.push(b'[');
    for name in names {
        json::string(&mut envelope.out, name);
        envelope.out.push(b',');
        total += 1;
    }
    close_list(&mut envelope.out);
    json_response(envelope.close(total, &[], call.pretty()))
}

fn no_names(call: &Call, data: &str, partial: bool) -> Response {
    let mut envelope = Envelope::with_capacity(64);
    envelope.partial = partial;
    envelope.out.extend_from_slice(data.as_bytes());
    json_response(envelope.close(0, &[], call.pretty()))
}
