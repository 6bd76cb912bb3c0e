//! One storage node's membership: started, asked, and stopped.

use super::core::{About, Core, LocalStore};
use super::disk::MetaDisk;
use super::duties::{self, MoveConfig};
use super::entry::{self, Search};
use super::handover::hand_over;
use super::hints::HintPass;
use super::identity::Identity;
use super::peer::{Introduction, Peer, PeerError, Peers};
use super::propose::{Done, ProposeError, Proposer};
use super::raft::{Consensus, ConsensusConfig, ConsensusView};
use common::cluster::{ClusterId, ClusterState, Command, NodeId};
use common::contract::WriteError;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a node waits until what was committed is applied here.
const CATCH_UP: Duration = Duration::from_secs(5);

/// All that a node needs to be a member.
pub struct Membership {
    pub about: About,
    pub search: Search,
    pub consensus: ConsensusConfig,
    /// What this node does about moves while it is the leader
    pub moves: MoveConfig,
    pub disk: Arc<dyn MetaDisk>,
    pub peers: Arc<dyn Peers>,
    pub store: Arc<dyn LocalStore>,
}

/// A storage node in its cluster, or on its way into one.
pub struct ClusterNode {
    core: Arc<Core>,
    tasks: Mutex<JoinSet<()>>,
}

impl ClusterNode {
    /// Starts with what is on the disk, and then comes into a cluster by itself. Its answers to others ([`Self::peer`]) must
    /// be reachable from then on.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn start(membership: Membership) -> io::Result<Self> {
        let identity = Arc::new(Identity::open(membership.disk.clone()).await?);
        let peers = membership.peers;
        let consensus =
            Consensus::start(identity.clone(), membership.disk, peers.clone(), membership.consensus).await?;
        let proposer = Proposer {
            consensus: consensus.clone(),
            peers: peers.clone(),
        };
        let core = Arc::new(Core {
            about: membership.about,
            seen: Mutex::new(BTreeSet::from([identity.node()])),
            identity,
            consensus,
            proposer,
            peers,
            store: membership.store,
            lease: Default::default(),
            grantor: Default::default(),
            live: Default::default(),
            hints: Default::default(),
            moves: membership.moves,
            fatal: watch::Sender::new(None),
        });
        let node = Self {
            core: core.clone(),
            tasks: Mutex::default(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(come_in(core.clone(), membership.search));
        tasks.spawn(watch_consensus(core.clone()));
        tasks.spawn(tell_leaders(core.clone()));
        tasks.spawn(duties::renew_lease(core.clone()));
        tasks.spawn(duties::report(core.clone()));
        tasks.spawn(duties::confirm_leadership(core.clone()));
        tasks.spawn(duties::lead(core));
        *node.tasks.lock() = tasks;
        Ok(node)
    }

    pub fn id(&self) -> NodeId {
        self.core.id()
    }

    /// `None` until the node has come into a cluster.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.core.identity.cluster()
    }

    /// Who the node is, for others.
    pub fn introduction(&self) -> Introduction {
        self.core.introduction()
    }

    /// What this node answers to other storage nodes.
    pub fn peer(&self) -> Arc<dyn Peer> {
        self.core.clone()
    }

    /// The state as it is applied here.
    pub fn state(&self) -> Option<Arc<ClusterState>> {
        self.core.state()
    }

    /// The state, and each new one once it is applied and durable here.
    pub fn states(&self) -> watch::Receiver<Option<Arc<ClusterState>>> {
        self.core.consensus.states()
    }

    /// Waits until a state of this version or a later one is applied here, for a bounded time. Whether it is.
    pub async fn wait_version(&self, version: u64, at_most: Duration) -> bool {
        self.core.wait_version(version, at_most).await
    }

    /// What this node knows of the consensus.
    pub fn consensus(&self) -> ConsensusView {
        self.core.consensus.view()
    }

    /// Waits until what [`Self::consensus`] tells satisfies a condition.
    ///
    /// # Errors
    /// When the consensus has ended.
    pub async fn wait_consensus(
        &self,
        is_met: impl FnMut(&ConsensusView) -> bool,
    ) -> Result<ConsensusView, super::ConsensusError> {
        self.core.consensus.wait(is_met).await
    }

    /// Has a command carried out, wherever the leader is.
    ///
    /// # Errors
    /// When it is refused, or not known to be carried out within some seconds.
    pub async fn propose(&self, command: Command) -> Result<Done, ProposeError> {
        self.core.proposer.propose(command).await
    }

    /// Marks a node as out of sync. The generation of its mark, which may be there already.
    ///
    /// # Errors
    /// [`WriteError::Unavailable`] when that is not known to be committed.
    pub async fn mark(&self, node: NodeId) -> Result<u64, WriteError> {
        let state = self.state();
        let mark = state.as_ref().and_then(|state| state.member(node)?.mark);
        if let Some(mark) = mark.filter(|mark| !mark.closing) {
            return Ok(mark.generation);
        }
        match self.propose(Command::Mark { node }).await {
            Ok(done) => done
                .generation
                .ok_or_else(|| WriteError::Unavailable(format!("the mark of node {node} is gone again"))),
            Err(error) => Err(WriteError::Unavailable(error.to_string())),
        }
    }

    /// The permission to keep a hint, to be held until it is durable.
    ///
    /// # Errors
    /// [`WriteError::Unavailable`] unless the target bears the mark of this generation, and that is not closing.
    pub fn admit_hint(&self, target: NodeId, generation: u64) -> Result<HintPass, WriteError> {
        let pass = self.core.hints.admit(target, generation, || self.state());
        pass.ok_or_else(|| {
            WriteError::Unavailable(format!(
                "node {target} does not bear an open mark of generation {generation}"
            ))
        })
    }

    /// How many hints this node keeps for another, those that are being stored included.
    pub fn hints_for(&self, target: NodeId) -> u64 {
        self.core.hints_for_now(target)
    }

    /// Whether this node keeps no hint for `target` and takes none for the mark of `generation`; looks once the state
    /// `version`, which closes that mark, is applied.
    ///
    /// # Errors
    /// When that is not applied within a second.
    pub async fn confirm_no_hints(&self, target: NodeId, generation: u64, version: u64) -> Result<bool, PeerError> {
        self.core.confirm_no_hints(target, generation, version).await
    }

    /// Whether the cluster knows this node, with this data, and without a mark.
    pub fn unmarked(&self) -> bool {
        self.core.unmarked()
    }

    /// The state as it is when this is called, or a later one: with all that was carried out before.
    ///
    /// # Errors
    /// When there is no leader, or this node is behind for long.
    pub async fn newest_state(&self) -> Result<Arc<ClusterState>, ProposeError> {
        let done = self.propose(Command::Barrier).await?;
        let behind = || ProposeError::Unavailable("this node is behind".into());
        match self.wait_version(done.applied.version, CATCH_UP).await {
            true => self.state().ok_or_else(behind),
            false => Err(behind()),
        }
    }

    /// Whether what this node answers is complete: it has no mark, and holds a read lease.
    pub fn in_sync(&self) -> bool {
        self.core.unmarked() && self.core.lease.held()
    }

    /// As [`Self::in_sync`]; a node without a mark waits for a lease, for a bounded time: after the leader has died, there
    /// may be none for a moment.
    pub async fn wait_in_sync(&self, at_most: Duration) -> bool {
        self.in_sync() || (self.core.unmarked() && self.core.lease.wait(at_most).await && self.in_sync())
    }

    /// What is left of the read lease.
    pub fn lease(&self) -> Option<Duration> {
        self.core.lease.remaining()
    }

    /// The nodes that the leader has heard of lately; none while there is no leader.
    pub fn live(&self) -> Vec<NodeId> {
        self.core.live.nodes()
    }

    /// Waits until the node cannot go on, and says why.
    pub async fn failed(&self) -> String {
        let mut fatal = self.core.fatal.subscribe();
        let failed = fatal.wait_for(Option::is_some).await;
        failed.ok().and_then(|why| why.clone()).unwrap_or_default()
    }

    /// Makes a snapshot of the state soon, and drops the log before it.
    ///
    /// # Errors
    /// When the consensus has ended.
    pub async fn snapshot(&self) -> Result<(), super::ConsensusError> {
        self.core.consensus.snapshot().await
    }

    /// Leaves the lead to another voter, if this node has it: to be called before it stops, while others reach it. Returns
    /// after a bounded time, with the new leader if there is one.
    pub async fn hand_over(&self) -> Option<NodeId> {
        hand_over(&self.core).await
    }

    /// Ends all that the node does in the cluster. Nothing is written when it returns.
    pub async fn shutdown(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        tasks.shutdown().await;
        self.core.lease.drop_now();
        self.core.consensus.shutdown().await;
    }
}

/// Comes into a cluster, and makes sure that the peers belong to the same one as the node's data.
async fn come_in(core: Arc<Core>, search: Search) {
    tokio::join!(compare_with_peers(&core, &search), find_cluster(&core, &search));
}

/// Fails the node when the data that it was started with is another cluster's.
async fn compare_with_peers(core: &Core, search: &Search) {
    if let Some(own) = core.identity.cluster()
        && let Some((addr, other)) = entry::foreign_peer(core, search).await
    {
        core.fail(format!("the data belongs to cluster {own}, but {addr} to {other}"));
    }
}

async fn find_cluster(core: &Core, search: &Search) {
    if let Err(error) = entry::come_in(core, search).await {
        return core.fail(format!("the node's record: {error}"));
    }
    if let Err(error) = entry::finish_founding(core).await {
        core.fail(format!("making the cluster: {error}"));
    }
}

/// Fails the node when its consensus ends: then its disk is not to be trusted.
async fn watch_consensus(core: Arc<Core>) {
    if let Ok(view) = core.consensus.wait(|view| view.ended.is_some()).await
        && let Some(why) = view.ended
    {
        core.fail(format!("the consensus has ended: {why}"));
    }
}

/// Logs who leads.
async fn tell_leaders(core: Arc<Core>) {
    let mut known = None;
    let ended = core.consensus.wait(|view| {
        let now = view.leader.map(|leader| (leader, view.term));
        if let Some((leader, term)) = now.filter(|_| now != known) {
            tracing::info!(%leader, term, own = view.is_leader, "the cluster has a leader");
            known = now;
        }
        false
    });
    // It only ever ends with the consensus, which others watch.
    drop(ended.await);
}
