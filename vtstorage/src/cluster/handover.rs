//! How a leader that is about to stop leaves the lead to another voter, so that the cluster need not find out that it is
//! gone first.
//!
//! The leader takes no more commands, waits until a successor has all of its log, and asks it to stand for election. Of
//! three voters the old leader's vote and the successor's own are enough at once. Of more, others vote only when they have
//! not heard of a leader for a while; the successor then tries again.

use super::core::Core;
use super::peer::{ConsensusCall, ConsensusMessage};
use super::propose::address;
use super::raft::ConsensusView;
use common::cluster::NodeId;
use std::cmp::Reverse;
use std::time::Duration;
use tokio::time::timeout;

/// All of it; then the others find out by themselves.
const AT_MOST: Duration = Duration::from_secs(3);
/// How long a successor may take to get the end of the log.
const CATCH_UP: Duration = Duration::from_millis(500);
/// How long an election may take before the successor is asked again.
const ELECTION: Duration = Duration::from_millis(250);
/// How often a successor is asked before it is another one's turn.
const TRIES: usize = 5;

/// Returns the new leader, if there is one in time; at once, if this node does not lead or is the only voter.
pub(super) async fn hand_over(core: &Core) -> Option<NodeId> {
    let view = core.consensus.view();
    let successors = successors(&view, core.id(), &core.live.nodes());
    if !view.is_leader || successors.is_empty() {
        return None;
    }
    core.consensus.set_leaving(true);
    let found = timeout(AT_MOST, find(core, &successors)).await.ok().flatten();
    core.consensus.set_leaving(false);
    match found {
        Some(leader) => tracing::info!(%leader, "another node leads"),
        None => tracing::warn!("no other node has taken the lead in time"),
    }
    found
}

/// The other voters: those first that live, and have most of the log.
fn successors(view: &ConsensusView, own: NodeId, live: &[NodeId]) -> Vec<NodeId> {
    let mut others: Vec<NodeId> = view.voters.iter().copied().filter(|id| *id != own).collect();
    let matched = |id: &NodeId| view.matched.get(id).copied().flatten();
    others.sort_by_key(|id| Reverse((live.contains(id), matched(id))));
    others
}

async fn find(core: &Core, successors: &[NodeId]) -> Option<NodeId> {
    for successor in successors {
        if !has_whole_log(core, *successor).await {
            continue;
        }
        for _ in 0..TRIES {
            let asked = timeout(ELECTION, ask(core, *successor)).await;
            if !matches!(asked, Ok(Some(()))) {
                break;
            }
            let leads = |view: &ConsensusView| view.leader.is_some_and(|leader| leader != core.id());
            if let Ok(Ok(view)) = timeout(ELECTION, core.consensus.wait(leads)).await {
                return view.leader;
            }
        }
    }
    None
}

async fn has_whole_log(core: &Core, successor: NodeId) -> bool {
    // Who leads no more sees nobody's log.
    let has = |view: &ConsensusView| {
        let matched = view.matched.get(&successor).copied().flatten();
        !view.is_leader || (matched.is_some() && matched >= view.last_log)
    };
    matches!(timeout(CATCH_UP, core.consensus.wait(has)).await, Ok(Ok(_)))
}

/// Asks a node to stand for election; `None` if it cannot be asked.
async fn ask(core: &Core, successor: NodeId) -> Option<()> {
    let addr = address(core.state().as_deref(), successor)?;
    let message = ConsensusMessage {
        cluster: core.identity.cluster()?,
        target: successor,
        call: ConsensusCall::TakeOver,
        body: Vec::new(),
    };
    match core.peers.at(&addr).consensus(message).await {
        Ok(_) => Some(()),
        Err(error) => {
            tracing::info!(%error, %successor, "the node does not take the lead");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lives_and_has_most_of_the_log_is_asked_first() {
        let [own, away, behind, best] = [1, 2, 3, 4].map(NodeId);
        let view = ConsensusView {
            voters: [own, away, behind, best].into(),
            learners: [NodeId(5)].into(),
            matched: [
                (away, Some(9)),
                (behind, Some(7)),
                (best, Some(9)),
                (NodeId(5), Some(9)),
            ]
            .into(),
            ..ConsensusView::default()
        };
        assert_eq!(successors(&view, own, &[own, behind, best]), [best, behind, away]);
        let alone = ConsensusView {
            voters: [own].into(),
            ..ConsensusView::default()
        };
        assert!(successors(&alone, own, &[own]).is_empty());
    }
}
