//! `/cluster/transfers`, and what operators ask of the cluster about its nodes: to take one in, to empty one, to remove
//! one, to replace one. Any storage node takes these; the leader does them.

use super::status::{Status, error, from_state};
use crate::cluster::ProposeError;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use common::cluster::{ClusterState, Command, MemberState, NodeId, Transfer, plan_moves};
use serde::Deserialize;
use serde_json::{Value, json};

/// The paths.
pub(super) fn moves_router() -> Router<Status> {
    Router::new()
        .route("/cluster/transfers", get(transfers))
        .route("/cluster/transfers/pause", post(pause))
        .route("/cluster/transfers/resume", post(resume))
        .route("/cluster/join", post(join))
        .route("/cluster/drain", post(drain))
        .route("/cluster/remove", post(remove))
        .route("/cluster/repair", post(repair))
}

async fn transfers(State(status): State<Status>) -> Response {
    let live = status.cluster.live();
    from_state(&status, |state| {
        let moves = plan_moves(state, status.moves.limits, |node| live.contains(&node));
        json!({
            "version": state.version,
            "epoch": state.epoch.0,
            "sealed": state.sealed.0,
            "paused": state.transfers.paused,
            "slots_left": moves.left,
            "slots_waiting": moves.waiting,
            "transfers": state.transfers.running.values().map(transfer_json).collect::<Vec<_>>(),
        })
    })
}

fn transfer_json(transfer: &Transfer) -> Value {
    let of = &transfer.of;
    json!({
        "id": transfer.id,
        "from": of.from.to_string(),
        "to": of.to.to_string(),
        "leaves": of.leaves.map(|node| node.to_string()),
        "slots": of.slots.len(),
        "first_epoch": of.epochs.0.0,
        "last_epoch": of.epochs.1.0,
        "attempt": transfer.attempt,
    })
}

async fn pause(State(status): State<Status>) -> Response {
    carry_out(&status, Command::PauseTransfers { paused: true }).await
}

async fn resume(State(status): State<Status>) -> Response {
    carry_out(&status, Command::PauseTransfers { paused: false }).await
}

/// Which node is meant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Its id or its address
    node: String,
}

type Asked<T> = Result<Json<T>, JsonRejection>;

impl Which {
    fn find(&self, state: &ClusterState) -> Option<NodeId> {
        let mut members = state.members.values();
        let is_meant = |id: NodeId, addr: &str| id.to_string() == self.node || addr == self.node;
        let found = members.find(|member| is_meant(member.id, &member.addr));
        found.map(|member| member.id)
    }
}

/// The member that is meant, and the state that has it.
fn member(status: &Status, asked: Asked<Which>) -> Result<(NodeId, std::sync::Arc<ClusterState>), Box<Response>> {
    let Json(which) = asked.map_err(|why| Box::new(error(StatusCode::BAD_REQUEST, why.body_text())))?;
    let no_cluster = || Box::new(error(StatusCode::SERVICE_UNAVAILABLE, "the node has no cluster yet"));
    let state = status.cluster.state().ok_or_else(no_cluster)?;
    let unknown = || {
        let why = format!("{} is neither the id nor the address of a member", which.node);
        Box::new(error(StatusCode::NOT_FOUND, why))
    };
    Ok((which.find(&state).ok_or_else(unknown)?, state))
}

async fn join(State(status): State<Status>, which: Asked<Which>) -> Response {
    match member(&status, which) {
        Ok((node, _)) => carry_out(&status, Command::Rejoin { node }).await,
        Err(refused) => *refused,
    }
}

async fn drain(State(status): State<Status>, which: Asked<Which>) -> Response {
    match member(&status, which) {
        Ok((node, _)) => carry_out(&status, Command::Drain { node }).await,
        Err(refused) => *refused,
    }
}

/// A node that still holds something is drained; asked again when it holds nothing, it is removed.
async fn remove(State(status): State<Status>, which: Asked<Which>) -> Response {
    let (node, state) = match member(&status, which) {
        Ok(found) => found,
        Err(refused) => return *refused,
    };
    let is_active = state
        .member(node)
        .is_some_and(|member| member.state == MemberState::Active);
    match is_active || state.placement.names(node) {
        true => carry_out(&status, Command::Drain { node }).await,
        false => carry_out(&status, Command::Remove { node }).await,
    }
}

/// What is to be repaired.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repair {
    /// The id or address of a node that is away and is not waited for any longer
    #[serde(default)]
    node: Option<String>,
    /// What is on no node any more counts as gone for good
    #[serde(default)]
    accept_loss: bool,
}

async fn repair(State(status): State<Status>, asked: Asked<Repair>) -> Response {
    let repair = match asked {
        Ok(Json(repair)) => repair,
        Err(why) => return error(StatusCode::BAD_REQUEST, why.body_text()),
    };
    match (repair.node, repair.accept_loss) {
        (Some(node), false) => match member(&status, Ok(Json(Which { node }))) {
            Ok((node, _)) if status.cluster.live().contains(&node) => error(
                StatusCode::CONFLICT,
                format!("node {node} is not away: drain it instead"),
            ),
            Ok((node, _)) => carry_out(&status, Command::SetAway { node }).await,
            Err(refused) => *refused,
        },
        (None, true) => carry_out(&status, Command::AcceptLoss).await,
        _ => error(StatusCode::BAD_REQUEST, "give either \"node\" or \"accept_loss\": true"),
    }
}

async fn carry_out(status: &Status, command: Command) -> Response {
    match status.cluster.propose(command).await {
        Ok(done) => Json(json!({
            "version": done.applied.version,
            "changed": !done.applied.events.is_empty(),
        }))
        .into_response(),
        Err(ProposeError::Refused(why)) => error(StatusCode::CONFLICT, why),
        Err(ProposeError::Unavailable(why)) => error(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}
