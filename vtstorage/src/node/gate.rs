//! `GET /cluster/in_sync`: whether a storage node may be taken away now. Health says that a node serves; this says that the
//! whole cluster has all copies, which is what a rolling upgrade waits for before it goes on.

use crate::cluster::{ClusterNode, ConsensusView};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use common::cluster::{ClusterState, NodeId};
use common::config::Period;
use common::http::count_requests;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks while somebody waits.
const LOOK: Duration = Duration::from_millis(200);
/// The longest that anybody may wait.
const LONGEST: Duration = Duration::from_secs(3600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    /// How long to wait for it, such as `30s`
    wait: Option<String>,
}

/// 200 when every member is there and in sync, else 503 and who is not; `?wait=30s` waits for it.
pub(super) fn gate_router(cluster: Arc<ClusterNode>) -> Router {
    Router::new()
        .route("/cluster/in_sync", get(in_sync))
        .layer(from_fn(count_requests))
        .with_state(cluster)
}

async fn in_sync(State(cluster): State<Arc<ClusterNode>>, Query(wait): Query<Wait>) -> Response {
    let wait = match wait.wait.map(|text| text.parse::<Period>()).transpose() {
        Ok(wait) => wait.map_or(Duration::ZERO, Duration::from).min(LONGEST),
        Err(why) => return (StatusCode::BAD_REQUEST, Json(json!({ "error": why.to_string() }))).into_response(),
    };
    let until = Instant::now() + wait;
    loop {
        let missing = cluster.state().map(|state| missing(&state, &cluster.live()));
        let voting = has_voters(&cluster.consensus(), cluster.live().len());
        if voting && missing.as_ref().is_some_and(Vec::is_empty) {
            return Json(json!({ "in_sync": true })).into_response();
        }
        if Instant::now() >= until {
            let missing = missing.map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>());
            let body = json!({ "in_sync": false, "missing": missing, "has_voters": voting });
            return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
        }
        sleep(LOOK).await;
    }
}

/// Whether the consensus goes on without one of the nodes: soon after it has grown out of one node only
/// that one votes.
fn has_voters(view: &ConsensusView, members: usize) -> bool {
    let least = if members < 3 { 1 } else { 3 };
    view.leader.is_some() && !view.changing && view.voters.len() >= least
}

/// The members that are away or miss something.
fn missing(state: &ClusterState, live: &[NodeId]) -> Vec<NodeId> {
    let members = state.members.values();
    let missing = members.filter(|member| !member.in_sync() || !live.contains(&member.id));
    missing.map(|member| member.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::state_of;
    use common::cluster::Mark;

    #[test]
    fn all_members_must_be_there_and_without_a_mark() {
        let mut state = state_of(1..=3);
        let all = [NodeId(1), NodeId(2), NodeId(3)];
        assert_eq!(missing(&state, &all), []);
        assert_eq!(missing(&state, &all[..2]), [NodeId(3)]);
        state.members.get_mut(&NodeId(2)).unwrap().mark = Some(Mark {
            generation: 1,
            closing: false,
        });
        assert_eq!(missing(&state, &all), [NodeId(2)]);
        assert_eq!(missing(&state, &[]).len(), 3);
    }

    #[test]
    fn three_of_three_vote_and_the_only_one_of_two() {
        let view = |voters: u64| ConsensusView {
            leader: Some(NodeId(1)),
            voters: (1..=voters).map(NodeId).collect(),
            ..ConsensusView::default()
        };
        for (voters, members, enough) in [(1, 1, true), (1, 2, true), (1, 3, false), (3, 3, true), (3, 5, true)] {
            assert_eq!(has_voters(&view(voters), members), enough, "{voters} of {members}");
        }
        let changing = ConsensusView {
            changing: true,
            ..view(3)
        };
        assert!(!has_voters(&changing, 3) && !has_voters(&ConsensusView::default(), 0));
    }
}
