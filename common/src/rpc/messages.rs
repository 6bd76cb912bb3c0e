//! Queries and ids as messages, and back.

use super::proto::{self, QueryRequest};
use crate::cluster::{NodeQuery, Scope, ScopeRange, SlotSet};
use crate::contract::{QueryContext, QueryError};
use crate::ids::Epoch;
use crate::wire::{SCHEMA, SCHEMAS, decode_plan, encode_plan};
use bytes::Bytes;
use std::time::Duration;

/// The largest plan.
const MAX_PLAN: usize = 3 << 20;

/// A query as a message, with what its context still allows.
///
/// # Errors
/// [`QueryError::Invalid`] for a plan that is too large.
pub fn query_request(query: &NodeQuery, context: &QueryContext) -> Result<QueryRequest, QueryError> {
    let plan = encode_plan(&query.plan).map_err(|error| QueryError::Invalid(error.to_string()))?;
    if plan.len() > MAX_PLAN {
        return Err(QueryError::Invalid(format!(
            "the query is larger than {MAX_PLAN} bytes"
        )));
    }
    Ok(QueryRequest {
        schema: SCHEMA,
        plan: plan.into(),
        version: query.version,
        scope: Some(scope_to(&query.scope)),
        timeout_micros: u64::try_from(context.remaining().as_micros()).unwrap_or(u64::MAX),
        memory_limit: context.memory_limit() as u64,
    })
}

/// Reads [`query_request`]: the query, and a context with its limits, which are cut to `memory_limit`.
///
/// # Errors
/// [`QueryError::Invalid`] where it is none, or in a schema of another release.
pub fn query_of(request: &QueryRequest, memory_limit: usize) -> Result<(NodeQuery, QueryContext), QueryError> {
    if !SCHEMAS.contains(&request.schema) {
        return Err(QueryError::Invalid(format!(
            "this node knows the schemas {SCHEMAS:?} of plans and answers, not {}",
            request.schema
        )));
    }
    let plan = decode_plan(&request.plan).map_err(|error| QueryError::Invalid(format!("plan: {error}")))?;
    let asked = usize::try_from(request.memory_limit).unwrap_or(usize::MAX);
    let context = QueryContext::new(Duration::from_micros(request.timeout_micros), asked.min(memory_limit));
    let query = NodeQuery {
        plan,
        version: request.version,
        scope: scope_of(request.scope.as_ref()).ok_or_else(|| QueryError::Invalid("no scope".to_owned()))?,
    };
    Ok((query, context))
}

pub(super) fn scope_to(scope: &Scope) -> proto::Scope {
    let range = |range: &ScopeRange| proto::ScopeRange {
        first_epoch: range.epochs.0.0,
        last_epoch: range.epochs.1.0,
        slots: range.slots.to_bytes().into(),
    };
    proto::Scope {
        slots: scope.slots.into(),
        ranges: scope.ranges.iter().map(range).collect(),
    }
}

pub(super) fn scope_of(scope: Option<&proto::Scope>) -> Option<Scope> {
    let scope = scope?;
    let range = |range: &proto::ScopeRange| {
        Some(ScopeRange {
            epochs: (Epoch(range.first_epoch), Epoch(range.last_epoch)),
            slots: slots_of(&range.slots)?,
        })
    };
    Some(Scope {
        slots: u16::try_from(scope.slots).ok()?,
        ranges: scope.ranges.iter().map(range).collect::<Option<_>>()?,
    })
}

/// A set of slots from its bitmap.
pub(super) fn slots_of(bytes: &[u8]) -> Option<SlotSet> {
    SlotSet::from_bytes(bytes)
}

/// A 128-bit id as bytes.
pub fn id_to(id: u128) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}

/// Reads [`id_to`].
pub fn id_of(bytes: &[u8]) -> Option<u128> {
    bytes.try_into().ok().map(u128::from_be_bytes)
}
