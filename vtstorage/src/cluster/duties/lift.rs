//! The leader lifts the marks of nodes that have caught up, in two steps: see [`common::cluster::Mark`].

use super::{is_well, others};
use crate::cluster::core::Core;
use crate::cluster::peer::{HintsQuery, Peer};
use common::cluster::{ClusterState, Command, Mark, NodeId};
use futures::future::join_all;
use std::time::Duration;
use tokio::time::timeout;

/// How long a node may take to count.
const COUNT: Duration = Duration::from_secs(2);

/// Takes one step with each mark that can be taken. A node that holds hints or does not answer keeps the mark in place.
pub(super) async fn lift_marks(core: &Core, state: &ClusterState) {
    let marked = state
        .members
        .values()
        .filter_map(|member| Some((member.id, member.mark?)));
    for (node, mark) in marked.filter(|(node, _)| is_well(core, *node)) {
        if nobody_holds_hints(core, state, node, mark).await {
            advance(core, node, mark).await;
        }
    }
}

/// Asks all other members. Once the mark is closing, those count that have applied that.
async fn nobody_holds_hints(core: &Core, state: &ClusterState, target: NodeId, mark: Mark) -> bool {
    let version = if mark.closing { state.version } else { 0 };
    let query = HintsQuery { target, version };
    let counts = others(state, target).map(|(id, addr)| async move {
        let peer = core.peers.at(addr);
        let count = async {
            match id == core.id() {
                true => core.hints(query).await,
                false => peer.hints(query).await,
            }
        };
        matches!(timeout(COUNT, count).await, Ok(Ok(0)))
    });
    join_all(counts).await.into_iter().all(|none| none)
}

async fn advance(core: &Core, node: NodeId, mark: Mark) {
    let generation = mark.generation;
    let command = match mark.closing {
        false => Command::BeginClose { node, generation },
        true => Command::Lift { node, generation },
    };
    match core.proposer.propose(command).await {
        Ok(_) if mark.closing => tracing::info!(%node, generation, "the node is in sync again"),
        Ok(_) => {}
        Err(error) => tracing::info!(%error, %node, "the mark stays for now"),
    }
}
