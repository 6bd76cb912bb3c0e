//! `/cluster/*`: what the cluster is and how it is, for operators. Any storage node answers, from its own copy of the
//! state. And `/internal/digest`: what this node holds of each slot.

use super::moves::moves_router;
use crate::cluster::{ClusterNode, MoveConfig, ProposeError};
use crate::engine::store::Engine;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use common::cluster::{ClusterState, Command, Member, MemberState, NodeId, PlacementEntry, Scope, Settings};
use common::http::count_requests;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// A node and the settings that its flags ask for.
#[derive(Clone)]
pub(super) struct Status {
    pub(super) cluster: Arc<ClusterNode>,
    pub(super) engine: Arc<Engine>,
    pub(super) flags: Settings,
    pub(super) moves: MoveConfig,
}

/// The paths below `/cluster`, and `/internal/digest`.
pub(super) fn status_router(status: Status) -> Router {
    Router::new()
        .route("/cluster/status", get(overview))
        .route("/cluster/members", get(members))
        .route("/cluster/slots", get(slots))
        .route("/cluster/settings", get(settings).post(change_settings))
        .route("/cluster/raft", get(raft))
        .route("/internal/digest", get(digest))
        .merge(moves_router())
        .layer(from_fn(count_requests))
        .with_state(status)
}

pub(super) fn error(status: StatusCode, why: impl ToString) -> Response {
    (status, Json(json!({ "error": why.to_string() }))).into_response()
}

/// Answers from the state; 503 while there is none.
pub(super) fn from_state(status: &Status, answer: impl FnOnce(&ClusterState) -> Value) -> Response {
    match status.cluster.state() {
        Some(state) => Json(answer(&state)).into_response(),
        None => error(StatusCode::SERVICE_UNAVAILABLE, "the node has no cluster yet"),
    }
}

fn ids<'n>(nodes: impl IntoIterator<Item = &'n NodeId>) -> Vec<String> {
    nodes.into_iter().map(ToString::to_string).collect()
}

/// Slots with fewer copies in sync than the replication factor asks for.
pub(super) fn under_replicated(state: &ClusterState) -> usize {
    let copies = usize::from(state.settings.replication_factor);
    let in_sync = |replicas: &[NodeId]| replicas.iter().filter(|id| state.in_sync(**id)).count();
    let owners = state.placement.slots.iter().filter_map(|history| history.last());
    owners.filter(|entry| in_sync(&entry.replicas) < copies).count()
}

async fn overview(State(status): State<Status>) -> Response {
    let (node, consensus) = (&status.cluster, status.cluster.consensus());
    from_state(&status, |state| {
        let marked = state.members.values().filter(|member| !member.in_sync());
        json!({
            "cluster": state.cluster.to_string(),
            "version": state.version,
            "epoch": state.epoch.0,
            "leader": consensus.leader.map(|id| id.to_string()),
            "term": consensus.term,
            "members": state.members.len(),
            "live": node.live().len(),
            "out_of_sync": ids(marked.map(|member| &member.id)),
            "under_replicated_slots": under_replicated(state),
            "settings": settings_json(&state.settings),
            "flags_that_differ": differing(&status.flags, &state.settings),
            "oldest_day": state.oldest_day,
            "node": {
                "id": node.id().to_string(),
                "addr": node.introduction().member.addr,
                "in_sync": node.in_sync(),
                "damaged_blocks": status.engine.damaged().len(),
                "lease_ms": node.lease().map_or(0, |lease| lease.as_millis()),
                "is_leader": consensus.is_leader,
            },
        })
    })
}

fn settings_json(settings: &Settings) -> Value {
    json!({
        "replication_factor": settings.replication_factor,
        "slots": settings.slots,
        "retention_seconds": settings.retention_seconds,
    })
}

/// Flags of this node that the cluster's settings outweigh.
pub(super) fn differing(flags: &Settings, settings: &Settings) -> Vec<String> {
    let mut differing = Vec::new();
    if flags.replication_factor != settings.replication_factor {
        differing.push(format!(
            "--replicationFactor={}, but the cluster's is {}",
            flags.replication_factor, settings.replication_factor
        ));
    }
    if flags.retention_seconds != settings.retention_seconds {
        differing.push(format!(
            "--retentionPeriod={}s, but the cluster's is {}s",
            flags.retention_seconds, settings.retention_seconds
        ));
    }
    differing
}

async fn members(State(status): State<Status>) -> Response {
    let (live, consensus) = (status.cluster.live(), status.cluster.consensus());
    from_state(&status, |state| {
        let owners = state.placement.all_owners();
        let member = |member: &Member| {
            let id = member.id;
            json!({
                "id": id.to_string(),
                "addr": member.addr,
                "zone": member.zone,
                "incarnation": member.incarnation.to_string(),
                "state": match member.state {
                    MemberState::Active => "active",
                    MemberState::Draining => "draining",
                    MemberState::Away => "away",
                },
                "live": live.contains(&id),
                "in_sync": member.in_sync(),
                "mark": member.mark.map(|mark| json!({ "generation": mark.generation, "closing": mark.closing })),
                "full": member.full,
                "slots": owners.iter().filter(|replicas| replicas.contains(&id)).count(),
                "leader": consensus.leader == Some(id),
                "voter": consensus.voters.contains(&id),
            })
        };
        json!({ "version": state.version, "members": state.members.values().map(member).collect::<Vec<_>>() })
    })
}

async fn slots(State(status): State<Status>) -> Response {
    from_state(&status, |state| {
        let slot = |(slot, history): (usize, &Vec<PlacementEntry>)| {
            let entry = |entry: &PlacementEntry| json!({ "from": entry.from.0, "replicas": ids(&entry.replicas) });
            json!({
                "slot": slot,
                "replicas": history.last().map_or_else(Vec::new, |entry| ids(&entry.replicas)),
                "history": history.iter().map(entry).collect::<Vec<_>>(),
            })
        };
        let slots: Vec<Value> = state.placement.slots.iter().enumerate().map(slot).collect();
        json!({ "version": state.version, "epoch": state.epoch.0, "slots": slots })
    })
}

async fn settings(State(status): State<Status>) -> Response {
    from_state(&status, |state| settings_json(&state.settings))
}

/// What can be changed of the settings.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    replication_factor: u8,
}

async fn change_settings(State(status): State<Status>, change: Result<Json<Change>, JsonRejection>) -> Response {
    let change = match change {
        Ok(Json(change)) => change,
        Err(why) => return error(StatusCode::BAD_REQUEST, why.body_text()),
    };
    let Some(state) = status.cluster.state() else {
        return error(StatusCode::SERVICE_UNAVAILABLE, "the node has no cluster yet");
    };
    let settings = Settings {
        replication_factor: change.replication_factor,
        ..state.settings.clone()
    };
    match status.cluster.propose(Command::SetSettings(settings.clone())).await {
        Ok(_) => Json(settings_json(&settings)).into_response(),
        Err(ProposeError::Refused(why)) => error(StatusCode::BAD_REQUEST, why),
        Err(ProposeError::Unavailable(why)) => error(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn raft(State(status): State<Status>) -> Response {
    let view = status.cluster.consensus();
    let matched = view.matched.iter().map(|(id, last)| (id.to_string(), json!(last)));
    Json(json!({
        "node": status.cluster.id().to_string(),
        "term": view.term,
        "leader": view.leader.map(|id| id.to_string()),
        "is_leader": view.is_leader,
        "voters": ids(&view.voters),
        "learners": ids(&view.learners),
        "changing": view.changing,
        "last_log": view.last_log,
        "applied": view.applied,
        "snapshot": view.snapshot,
        "purged": view.purged,
        "matched": matched.collect::<serde_json::Map<_, _>>(),
        "ended": view.ended,
    }))
    .into_response()
}

/// Reads all that the node holds.
async fn digest(State(status): State<Status>) -> Response {
    let Some(state) = status.cluster.state() else {
        return error(StatusCode::SERVICE_UNAVAILABLE, "the node has no cluster yet");
    };
    let digests = match status.engine.digest(Scope::all(state.settings.slots)).await {
        Ok(digests) => digests,
        Err(why) => return error(StatusCode::INTERNAL_SERVER_ERROR, why),
    };
    let slots = digests.into_iter().map(|(slot, digest)| {
        let sum = format!("{:016x}", digest.sum);
        (slot.0.to_string(), json!({ "spans": digest.spans, "sum": sum }))
    });
    let slots: serde_json::Map<_, _> = slots.collect();
    Json(json!({ "node": status.cluster.id().to_string(), "slots": slots })).into_response()
}
