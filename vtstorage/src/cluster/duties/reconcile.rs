//! What the leader does about members: who follows the consensus, who votes, who owns which slots, what is too old.

use super::is_well;
use super::voters::next_voters;
use crate::cluster::core::Core;
use crate::cluster::raft::{ConsensusError, ConsensusView};
use common::cluster::{ClusterState, Command, Member, MemberState, NodeId, Owners, place};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::timeout;

/// A learner that is so many entries behind at most is given a vote.
const NEARLY: u64 = 100;
/// Days that have gone by for longer than this are no longer kept anywhere, whatever the nodes' clocks say.
const DAYS_AFTER_RETENTION: u32 = 1;
const SECONDS_PER_DAY: u64 = 86_400;
/// How long a change of the membership may take.
const CHANGE: Duration = Duration::from_secs(5);

/// Of one time as the leader.
#[derive(Default)]
pub(super) struct Reconciler {
    /// What the owners were last computed from
    placed: Option<Inputs>,
}

/// All that the owners depend on but the owners before.
#[derive(PartialEq, Eq)]
struct Inputs {
    replication_factor: u8,
    members: Vec<(NodeId, String, MemberState)>,
}

impl Reconciler {
    /// Does what there is to do, as far as it is possible now.
    pub(super) async fn step(&mut self, core: &Core, state: &ClusterState) {
        let view = core.consensus.view();
        let changed = timeout(CHANGE, change_membership(core, state, &view)).await;
        if let Ok(Err(error)) = changed {
            tracing::info!(%error, "the membership of the consensus is not changed yet");
        }
        if let Some(command) = self.placement(core, state).or_else(|| forgotten(core, state))
            && let Err(error) = core.proposer.propose(command).await
        {
            tracing::info!(%error, "the placement is not changed yet");
        }
    }

    /// Owners anew, where members, their zones or the replication factor have changed.
    fn placement(&mut self, core: &Core, state: &ClusterState) -> Option<Command> {
        let owners = state.placement.all_owners();
        let holders: BTreeSet<NodeId> = owners.iter().flatten().copied().collect();
        let ready = |member: &&Member| holders.contains(&member.id) || is_well(core, member.id);
        let members: Vec<&Member> = state.members.values().filter(ready).collect();
        let inputs = Inputs {
            replication_factor: state.settings.replication_factor,
            members: members.iter().map(|m| (m.id, m.zone.clone(), m.state)).collect(),
        };
        if self.placed.as_ref() == Some(&inputs) {
            return None;
        }
        let next = placed(&owners, &members, state);
        self.placed = Some(inputs);
        (next != owners).then(|| Command::Place {
            epoch: state.epoch,
            owners: next,
            last_day: core.store.last_day(),
        })
    }
}

fn placed(owners: &Owners, members: &[&Member], state: &ClusterState) -> Owners {
    place(owners, members.iter().copied(), &state.settings)
}

/// Days that are no longer kept.
fn forgotten(core: &Core, state: &ClusterState) -> Option<Command> {
    let kept = u32::try_from(state.settings.retention_seconds.div_ceil(SECONDS_PER_DAY)).unwrap_or(u32::MAX);
    let oldest = core
        .store
        .today()
        .saturating_sub(kept.saturating_add(DAYS_AFTER_RETENTION));
    (oldest > state.oldest_day).then_some(Command::SetOldestDay(oldest))
}

/// At most one change: each is a commit, or two.
async fn change_membership(core: &Core, state: &ClusterState, view: &ConsensusView) -> Result<(), ConsensusError> {
    let follows = |id: &NodeId| view.voters.contains(id) || view.learners.contains(id);
    if let Some(new) = state.members.values().find(|member| !follows(&member.id)) {
        return core.consensus.add_learner(new.id, &new.addr).await;
    }
    if let Some(voters) = next_voters(state, &view.voters, &ready(core, state, view)) {
        tracing::info!(?voters, "changing the voters");
        return core.consensus.set_voters(&voters).await;
    }
    let gone = view.learners.iter().filter(|id| !state.members.contains_key(id));
    let gone: BTreeSet<NodeId> = gone.copied().collect();
    match gone.is_empty() {
        true => Ok(()),
        false => core.consensus.remove_learners(&gone).await,
    }
}

/// The members that live and have nearly all of the log.
fn ready(core: &Core, state: &ClusterState, view: &ConsensusView) -> BTreeSet<NodeId> {
    let last = view.last_log.unwrap_or(0);
    let has_log = |id: &NodeId| {
        let matched = view.matched.get(id).copied().flatten();
        matched.is_some_and(|matched| matched + NEARLY >= last)
    };
    let members = state.members.keys().copied();
    members
        .filter(|id| *id == core.id() || (is_well(core, *id) && has_log(id)))
        .collect()
}
