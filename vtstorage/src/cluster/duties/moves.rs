//! What the leader does about spans that lie where they no longer belong: it seals epochs, begins moves and gives them up,
//! and sees to nodes that are away for long, are back, or have nothing left. What is moved where is decided by
//! [`common::cluster::plan_moves`].

use super::{is_well, others};
use crate::cluster::core::Core;
use crate::cluster::peer::Peer;
use common::cluster::{ClusterState, Command, Member, MemberState, MoveLimits, NodeId, Release, Transfer, plan_moves};
use common::ids::Epoch;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A transfer with a node that has not been well for so long is given up: another source may do, or the node comes back.
const UNWELL: Duration = Duration::from_secs(10);
/// How long a node may take to say what it holds.
const COUNT: Duration = Duration::from_secs(2);
/// How many releases are proposed at a time.
const RELEASES: usize = 16;

/// What the leader goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MoveConfig {
    pub limits: MoveLimits,
    /// How long an epoch takes writes after its successor began
    pub grace: Duration,
    /// A node that is away for longer is replaced; `None` for never
    pub repair_after: Option<Duration>,
}

impl Default for MoveConfig {
    fn default() -> Self {
        Self {
            limits: MoveLimits { per_node: 1, slots: 64 },
            grace: Duration::from_secs(20),
            repair_after: Some(Duration::from_secs(15 * 60)),
        }
    }
}

/// Of one time as the leader.
#[derive(Default)]
pub(super) struct Mover {
    /// The present epoch, and since when it is
    epoch: Option<(Epoch, Instant)>,
    /// Since when members have not been well
    unwell: BTreeMap<NodeId, Instant>,
}

impl Mover {
    /// Does what there is to do, as far as it is possible now.
    pub(super) async fn step(&mut self, core: &Core, state: &ClusterState) {
        self.look(core, state);
        let mut commands: Vec<Command> = self.seal(core, state).into_iter().collect();
        commands.extend(self.away(core, state));
        commands.extend(back(core, state));
        commands.extend(self.hopeless(state));
        commands.extend(begin(core, state));
        for command in commands {
            if let Err(error) = core.proposer.propose(command.clone()).await {
                tracing::info!(%error, ?command, "not done yet");
            }
        }
        remove_empty(core, state).await;
    }

    fn look(&mut self, core: &Core, state: &ClusterState) {
        let now = Instant::now();
        if self.epoch.is_none_or(|(epoch, _)| epoch != state.epoch) {
            self.epoch = Some((state.epoch, now));
        }
        self.unwell
            .retain(|node, _| state.member(*node).is_some() && !is_well(core, *node));
        for node in state.members.keys().filter(|node| !is_well(core, **node)) {
            self.unwell.entry(*node).or_insert(now);
        }
    }

    fn unwell_for(&self, node: NodeId) -> Duration {
        self.unwell.get(&node).map_or(Duration::ZERO, Instant::elapsed)
    }

    /// Seals what has had its time.
    fn seal(&self, core: &Core, state: &ClusterState) -> Option<Command> {
        let (epoch, since) = self.epoch?;
        let before = Epoch(epoch.0.checked_sub(1)?);
        let is_due = before > state.sealed && since.elapsed() >= core.moves.grace;
        is_due.then_some(Command::Seal { epoch: before })
    }

    /// Gives up on nodes that are away for too long.
    fn away<'a>(&'a self, core: &Core, state: &'a ClusterState) -> impl Iterator<Item = Command> + 'a {
        let after = core.moves.repair_after;
        let is_gone = move |member: &&Member| {
            let too_long = after.is_some_and(|after| self.unwell_for(member.id) >= after);
            member.state == MemberState::Active && too_long
        };
        let gone = state.members.values().filter(is_gone);
        gone.map(|member| {
            tracing::warn!(node = %member.id, "the node is away for too long: others take its place");
            Command::SetAway { node: member.id }
        })
    }

    /// Gives up transfers with nodes that are not well, or out of sync.
    fn hopeless<'a>(&'a self, state: &'a ClusterState) -> impl Iterator<Item = Command> + 'a {
        let is_hopeless = |transfer: &&Transfer| {
            let unwell = |node| self.unwell_for(node) >= UNWELL;
            let (from, to) = (transfer.of.from, transfer.of.to);
            unwell(from) || unwell(to) || !state.in_sync(from)
        };
        let hopeless = state.transfers.running.values().filter(is_hopeless);
        hopeless.map(|transfer| Command::CancelTransfer { id: transfer.id })
    }
}

/// Members that were away and are back.
fn back<'a>(core: &'a Core, state: &'a ClusterState) -> impl Iterator<Item = Command> + 'a {
    let is_back = |member: &&Member| member.state == MemberState::Away && is_well(core, member.id);
    let back = state.members.values().filter(is_back);
    back.map(|member| Command::Rejoin { node: member.id })
}

fn begin(core: &Core, state: &ClusterState) -> Vec<Command> {
    let moves = plan_moves(state, core.moves.limits, |node| is_well(core, node));
    let release = |Release { slots, epochs, node }| Command::Release { slots, epochs, node };
    let mut commands: Vec<Command> = moves.release.into_iter().take(RELEASES).map(release).collect();
    if !moves.begin.is_empty() {
        commands.push(Command::PlanMoves(moves.begin));
    }
    commands
}

/// Removes drained nodes of which nothing is left, nor of hints that they keep.
async fn remove_empty(core: &Core, state: &ClusterState) {
    let draining = state
        .members
        .values()
        .filter(|member| member.state == MemberState::Draining);
    for member in draining.filter(|member| !state.placement.names(member.id)) {
        if keeps_no_hints(core, state, member).await {
            let node = member.id;
            match core.proposer.propose(Command::Remove { node }).await {
                Ok(_) => tracing::info!(%node, "the drained node is no member any more"),
                Err(error) => tracing::info!(%error, %node, "the drained node stays for now"),
            }
        }
    }
}

/// A node that does not answer may keep some.
async fn keeps_no_hints(core: &Core, state: &ClusterState, holder: &Member) -> bool {
    for (target, _) in others(state, holder.id) {
        let counted = match holder.id == core.id() {
            true => timeout(COUNT, core.hints_for(target)).await,
            false => timeout(COUNT, core.peers.at(&holder.addr).hints_for(target)).await,
        };
        if !matches!(counted, Ok(Ok(0))) {
            return false;
        }
    }
    true
}
