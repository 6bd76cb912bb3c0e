//! What each member does: renews its read lease, and tells the cluster what has changed about it.

use crate::cluster::core::Core;
use crate::cluster::peer::{LeaseOutcome, LeaseReply, LeaseRequest, Peer, PeerError};
use crate::cluster::propose::{ProposeError, address};
use common::cluster::{ClusterState, Command};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Between two requests for a lease.
const RENEW: Duration = Duration::from_millis(250);
/// How long the leader may take to answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Between two looks at the node's own disk and record.
const LOOK: Duration = Duration::from_millis(500);

/// Keeps the read lease, while the leader grants one.
pub(crate) async fn renew_lease(core: Arc<Core>) {
    loop {
        let asked = Instant::now();
        if let Ok(Some(Ok(reply))) = timeout(ANSWER, ask(&core)).await {
            take(&core, asked, reply);
        }
        sleep(RENEW).await;
    }
}

/// A lease that is not renewed runs out by itself.
fn take(core: &Core, asked: Instant, reply: LeaseReply) {
    match reply.outcome {
        LeaseOutcome::Granted(lease) if core.unmarked() => core.lease.granted(asked, lease),
        LeaseOutcome::Granted(_) | LeaseOutcome::Denied => core.lease.drop_now(),
        LeaseOutcome::NotLeader => return,
    }
    if !reply.live.is_empty() {
        core.live.told(reply.live);
    }
}

async fn ask(core: &Core) -> Option<Result<LeaseReply, PeerError>> {
    let leader = core.consensus.view().leader?;
    let state = core.state();
    let request = LeaseRequest {
        node: core.id(),
        incarnation: core.about.incarnation,
        version: state.as_ref().map_or(0, |state| state.version),
        healthy: core.store.healthy(),
    };
    if leader == core.id() {
        return Some(core.lease(request).await);
    }
    let addr = address(state.as_deref(), leader)?;
    Some(core.peers.at(&addr).lease(request).await)
}

/// Tells the cluster of another address, zone or incarnation of this node, of a full disk, and of days that it has no
/// room for; and drops the lease as soon
/// as this node's mark is applied here.
pub(crate) async fn report(core: Arc<Core>) {
    let mut states = core.consensus.states();
    loop {
        let state = states.borrow_and_update().clone();
        if !core.unmarked() {
            core.lease.drop_now();
        }
        if let Some(command) = state.and_then(|state| news(&core, &state)) {
            match core.proposer.propose(command.clone()).await {
                Ok(_) => tracing::info!(?command, "told the cluster"),
                Err(ProposeError::Refused(why)) => tracing::warn!(%why, ?command, "the cluster refused"),
                Err(ProposeError::Unavailable(why)) => tracing::debug!(%why, "the cluster cannot be told yet"),
            }
        }
        tokio::select! {
            changed = states.changed() => if changed.is_err() { return },
            () = sleep(LOOK) => {}
        }
    }
}

/// What the state does not know of this node yet.
fn news(core: &Core, state: &ClusterState) -> Option<Command> {
    let known = state.member(core.id())?;
    let member = core.as_member();
    if known.addr != member.addr || known.zone != member.zone || known.incarnation != member.incarnation {
        let last_day = core.store.last_day();
        return Some(Command::UpdateMember { member, last_day });
    }
    let full = core.store.full();
    if known.full != full {
        return Some(Command::SetFull { node: core.id(), full });
    }
    let day = core.store.first_day_with_room();
    (day > state.oldest_day).then_some(Command::SetOldestDay(day))
}
