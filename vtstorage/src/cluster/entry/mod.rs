//! How a node comes into a cluster: it asks its peers, joins theirs, or makes one with them.

mod decide;
mod names;

use super::core::Core;
use super::duties;
use super::peer::{Introduction, PeerError};
use common::cluster::{ClusterId, Command, Member, MemberState, NewMember, NodeId, Settings, place};
use decide::{Step, next_step};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub use names::{Names, SystemNames};

/// Between rounds of asking.
const ROUND: Duration = Duration::from_millis(300);
/// How long a peer may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long joining may take.
const JOINING: Duration = Duration::from_secs(8);
/// The longest pause between rounds while no peer answers.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The reason to wait is logged when it changes, and each so many rounds.
const SAY_AGAIN: u32 = 100;

/// Where a node looks for others.
#[derive(Clone)]
pub struct Search {
    /// Addresses, or names that may stand for several
    pub peers: Vec<String>,
    /// So many nodes make a cluster
    pub expect: usize,
    pub names: Arc<dyn Names>,
}

impl Search {
    async fn addresses(&self) -> BTreeSet<String> {
        let found = join_all(self.peers.iter().map(|peer| self.names.resolve(peer))).await;
        found.into_iter().flatten().collect()
    }
}

/// Who answers, by address.
async fn ask_around(core: &Core, search: &Search) -> BTreeMap<String, Introduction> {
    let ask = |addr: String| async move {
        let answer = timeout(PATIENCE, core.peers.at(&addr).introduce()).await;
        Some((addr, answer.ok()?.ok()?))
    };
    let answers = join_all(search.addresses().await.into_iter().map(ask)).await;
    answers.into_iter().flatten().collect()
}

/// Returns when the node belongs to a cluster.
///
/// # Errors
/// When the disk fails.
pub(super) async fn come_in(core: &Core, search: &Search) -> io::Result<()> {
    let mut by_addr: BTreeMap<String, NodeId> = BTreeMap::new();
    let mut waiting = Waiting::default();
    while core.identity.cluster().is_none() {
        let answers = ask_around(core, search).await;
        let empty = answers.iter().filter(|(_, answer)| answer.cluster.is_none());
        by_addr.extend(empty.map(|(addr, answer)| (addr.clone(), answer.member.id)));
        *core.seen.lock() = by_addr.values().copied().chain([core.id()]).collect();
        let given: Vec<Introduction> = answers.values().cloned().collect();
        match next_step(&core.introduction(), &given, search.expect) {
            Step::Join(cluster) => join(core, cluster, &answers, &mut waiting).await?,
            Step::Found { members, standalone } => found(core, members, standalone).await?,
            Step::Wait(why) => waiting.say(&why),
        }
        if core.identity.cluster().is_none() {
            sleep(ROUND).await;
        }
    }
    Ok(())
}

/// Keeps the log short while nothing changes.
#[derive(Default)]
struct Waiting {
    said: String,
    rounds: u32,
}

impl Waiting {
    fn say(&mut self, why: &str) {
        self.rounds += 1;
        if self.said != why || self.rounds >= SAY_AGAIN {
            tracing::info!("waiting for a cluster: {why}");
            why.clone_into(&mut self.said);
            self.rounds = 0;
        }
    }
}

/// Asks the peers of a cluster, one after the other, to become a member.
async fn join(
    core: &Core,
    cluster: ClusterId,
    answers: &BTreeMap<String, Introduction>,
    waiting: &mut Waiting,
) -> io::Result<()> {
    if core.about.standalone {
        waiting.say("it holds spans from when it was a node of its own: it can make a cluster, not join one");
        return Ok(());
    }
    for (addr, _) in answers.iter().filter(|(_, answer)| answer.cluster == Some(cluster)) {
        match timeout(JOINING, core.peers.at(addr).join(core.as_member())).await {
            Ok(Ok(joined)) => {
                core.identity.enter(joined.cluster, None).await?;
                tracing::info!(cluster = %joined.cluster, "joined");
                return Ok(());
            }
            Ok(Err(error)) => waiting.say(&format!("{addr}: {error}")),
            Err(_) => waiting.say(&format!("{addr} does not answer")),
        }
    }
    Ok(())
}

/// Makes the cluster. That this node does so is durable before anybody is told.
async fn found(core: &Core, members: Vec<NewMember>, standalone: Option<NodeId>) -> io::Result<()> {
    debug_assert!(
        standalone.is_none_or(|node| node == core.id()),
        "only that node makes the cluster"
    );
    let cluster = ClusterId(super::identity::random()?);
    core.identity.enter(cluster, Some(members)).await?;
    tracing::info!(%cluster, "making a cluster");
    Ok(())
}

/// Finishes what [`found`] began, also after a crash in between: the state is there when it returns. Most of the voters agree
/// on it from the beginning, so that this node may end as soon as others serve.
///
/// # Errors
/// When the consensus has ended.
pub(super) async fn finish_founding(core: &Core) -> Result<(), PeerError> {
    let (Some(cluster), Some(members)) = (core.identity.cluster(), core.identity.founding()) else {
        return Ok(());
    };
    let refused = |error: &dyn std::fmt::Display| PeerError::Refused(error.to_string());
    core.consensus
        .initialise(first_voters(core, &members))
        .await
        .map_err(|e| refused(&e))?;
    while core.state().is_none() {
        let command = init(core, cluster, members.clone());
        if let Err(error) = core.proposer.propose(command).await
            && core.state().is_none()
        {
            tracing::info!(%error, "the cluster is not made yet");
            let view = core.consensus.view();
            view.ended.map_or(Ok(()), |ended| Err(refused(&ended)))?;
        }
    }
    Ok(())
}

/// With the addresses by which they are reached. The others can vote as soon as they have joined.
fn first_voters(core: &Core, members: &[NewMember]) -> BTreeMap<NodeId, String> {
    let voters = duties::first_voters(core.id(), members);
    let others = members.iter().filter(|member| voters.contains(&member.id));
    let others = others.map(|member| (member.id, member.addr.clone()));
    others.chain([(core.id(), core.about.addr.clone())]).collect()
}

fn init(core: &Core, cluster: ClusterId, members: Vec<NewMember>) -> Command {
    let settings: Settings = core.about.settings.clone();
    let placed: Vec<Member> = members.iter().map(fresh).collect();
    let owners = place(&Vec::new(), &placed, &settings);
    Command::Init {
        cluster,
        settings,
        members,
        owners,
        standalone: core.about.standalone.then(|| core.id()),
        last_day: core.store.last_day(),
    }
}

/// A member as it is added.
fn fresh(member: &NewMember) -> Member {
    Member {
        id: member.id,
        addr: member.addr.clone(),
        zone: member.zone.clone(),
        incarnation: member.incarnation,
        state: MemberState::Active,
        mark: None,
        generation: 0,
        full: false,
    }
}

/// Compares the cluster of a node that has one with its peers', until one of them has told its own. Gives the peer that
/// belongs to another one.
pub(super) async fn foreign_peer(core: &Core, search: &Search) -> Option<(String, ClusterId)> {
    let own = core.identity.cluster()?;
    let mut pause = ROUND;
    loop {
        let mut others = ask_around(core, search).await;
        others.retain(|_, answer| answer.member.id != core.id());
        let clusters: Vec<_> = others
            .into_iter()
            .filter_map(|(addr, answer)| Some((addr, answer.cluster?)))
            .collect();
        if !clusters.is_empty() {
            return clusters.into_iter().find(|(_, cluster)| *cluster != own);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
