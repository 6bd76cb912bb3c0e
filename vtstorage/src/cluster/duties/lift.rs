//! The leader lifts the marks of nodes that have caught up, in two steps: see [`common::cluster::Mark`].

use super::{is_well, others};
use crate::cluster::core::Core;
use crate::cluster::peer::{Peer, PeerError};
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
    let counts = others(state, target).map(|(id, addr)| async move {
        let counted = match id == core.id() {
            true => timeout(COUNT, holds_none(core, state, target, mark)).await,
            false => timeout(COUNT, holds_none(&*core.peers.at(addr), state, target, mark)).await,
        };
        matches!(counted, Ok(Ok(true)))
    });
    join_all(counts).await.into_iter().all(|none| none)
}

async fn holds_none(peer: &dyn Peer, state: &ClusterState, target: NodeId, mark: Mark) -> Result<bool, PeerError> {
    match mark.closing {
        true => peer.confirm_no_hints(target, mark.generation, state.version).await,
        false => peer.hints_for(target).await.map(|hints| hints == 0),
    }
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
