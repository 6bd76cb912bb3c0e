//! What a node does for as long as it is a member, and what it does while it is the leader. Each loop goes by the state
//! as it is now: whatever a former leader left undone is found again.

mod lift;
mod moves;
mod own;
mod reconcile;
mod voters;

use super::core::Core;
use common::cluster::{ClusterState, NodeId};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

pub use moves::MoveConfig;
pub(super) use own::{renew_lease, report};
pub(super) use voters::first_voters;

/// Between two confirmations of the leadership.
const CONFIRM: Duration = Duration::from_millis(200);
/// How long most voters may take for one.
const CONFIRMATION: Duration = Duration::from_secs(1);
/// Between two looks at what is to be done.
const LOOK: Duration = Duration::from_millis(300);

/// While this node is the leader: makes sure of it again and again, so that leases can be granted.
pub(super) async fn confirm_leadership(core: Arc<Core>) {
    loop {
        if core.consensus.view().is_leader {
            let since = Instant::now();
            if let Ok(Ok(())) = timeout(CONFIRMATION, core.consensus.confirm_leadership()).await {
                core.grantor.confirm(since);
            }
        } else {
            core.grantor.clear();
        }
        sleep(CONFIRM).await;
    }
}

/// While this node is the leader: brings consensus, placement and marks to where the state and the nodes are.
pub(super) async fn lead(core: Arc<Core>) {
    let mut reconciler = reconcile::Reconciler::default();
    let mut mover = moves::Mover::default();
    loop {
        sleep(LOOK).await;
        match core.state() {
            Some(state) if core.consensus.view().is_leader && core.grantor.lease().is_some() => {
                reconciler.step(&core, &state).await;
                lift::lift_marks(&core, &state).await;
                mover.step(&core, &state).await;
            }
            _ => {
                reconciler = reconcile::Reconciler::default();
                mover = moves::Mover::default();
            }
        }
    }
}

/// Whether the leader has heard of the node lately, and it was well.
fn is_well(core: &Core, node: NodeId) -> bool {
    core.grantor.heard(node).is_some_and(|heard| heard.healthy)
}

/// The members other than one.
fn others(state: &ClusterState, node: NodeId) -> impl Iterator<Item = (NodeId, &str)> {
    let others = state.members.values().filter(move |member| member.id != node);
    others.map(|member| (member.id, member.addr.as_str()))
}
