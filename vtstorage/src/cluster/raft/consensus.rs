//! The consensus as the rest of the node sees it: no type of the library in its signatures.

use super::Reply;
use super::log::LogStore;
use super::machine::StateMachine;
use super::network::{self, Network};
use super::types::Raft;
use crate::cluster::disk::{self, MetaDisk};
use crate::cluster::identity::Identity;
use crate::cluster::peer::{ConsensusCall, Peers};
use common::cluster::{ClusterState, Command, NodeId};
use openraft::error::{ClientWriteError, InitializeError, RaftError};
use openraft::{BasicNode, ChangeMembers, Config, ServerState, SnapshotPolicy};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Pace of the consensus. A follower that hears nothing for `election_max` and then a random time between the two bounds
/// stands for election; so with these there is a new leader 1.1 s to 1.4 s after the old one has died.
#[derive(Clone, Debug)]
pub struct ConsensusConfig {
    /// Between two signs of life of the leader; also the deadline of one message
    pub heartbeat: Duration,
    pub election_min: Duration,
    pub election_max: Duration,
    /// So many entries are applied before a snapshot is made, and the log before it dropped
    pub snapshot_after: u64,
    /// So many entries stay in the log then, for nodes that are a little behind
    pub keep: u64,
}

impl Default for ConsensusConfig {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(200),
            election_min: Duration::from_millis(350),
            election_max: Duration::from_millis(700),
            snapshot_after: 1_000,
            keep: 500,
        }
    }
}

/// Snapshots are sent in pieces of so many bytes, which JSON makes about four times as long.
const SNAPSHOT_PIECE: u64 = 256 << 10;

/// Why a command was not carried out here.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConsensusError {
    /// Another node is the leader, or nobody
    #[error("not the leader")]
    NotLeader(Option<NodeId>),
    /// Another change of the membership is under way, or it asks for something impossible
    #[error("{0}")]
    Membership(String),
    /// It has ended, by an error of the disk or because the node stops
    #[error("the consensus has ended: {0}")]
    Ended(String),
}

/// What one node knows of the consensus.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ConsensusView {
    pub term: u64,
    pub leader: Option<NodeId>,
    pub is_leader: bool,
    pub voters: BTreeSet<NodeId>,
    pub learners: BTreeSet<NodeId>,
    /// Voters are being changed: the old and the new ones must agree
    pub changing: bool,
    pub last_log: Option<u64>,
    pub applied: Option<u64>,
    /// The last entry in the newest snapshot
    pub snapshot: Option<u64>,
    /// The last entry that is no longer in the log
    pub purged: Option<u64>,
    /// On the leader: the last entry that each node is known to have
    pub matched: BTreeMap<NodeId, Option<u64>>,
    /// Why it has ended, if it has
    pub ended: Option<String>,
}

/// The consensus of one node. Clones share it.
#[derive(Clone)]
pub(crate) struct Consensus {
    raft: Raft,
    states: watch::Receiver<Option<Arc<ClusterState>>>,
    /// As the leader, it takes no more commands: another node shall lead
    leaving: Arc<AtomicBool>,
}

impl Consensus {
    /// Starts it on what is on the disk. On an empty disk it waits for [`Self::initialise`], or for a leader.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) async fn start(
        identity: Arc<Identity>,
        disk: Arc<dyn MetaDisk>,
        peers: Arc<dyn Peers>,
        config: ConsensusConfig,
    ) -> io::Result<Self> {
        let open = |disk: Arc<dyn MetaDisk>| Ok((LogStore::open(disk.clone())?, StateMachine::open(disk)?));
        let (log, machine) = disk::reading(disk, open).await?;
        let states = machine.states();
        let id = identity.node().0;
        let network = Network {
            peers,
            identity,
            states: states.clone(),
        };
        let config = library_config(&config).validate().map_err(io::Error::other)?;
        let raft = Raft::new(id, Arc::new(config), network, log, machine).await;
        let raft = raft.map_err(io::Error::other)?;
        Ok(Self {
            raft,
            states,
            leaving: Arc::default(),
        })
    }

    /// The applied state, and each new one once it is durable; `None` before there is a cluster.
    pub(crate) fn states(&self) -> watch::Receiver<Option<Arc<ClusterState>>> {
        self.states.clone()
    }

    /// Begins a consensus of these voters, with their addresses; this node is one of them. Nothing happens if it was done
    /// before.
    ///
    /// # Errors
    /// When the consensus has ended.
    pub(crate) async fn initialise(&self, voters: BTreeMap<NodeId, String>) -> Result<(), ConsensusError> {
        let voters = voters.into_iter().map(|(node, addr)| (node.0, BasicNode { addr }));
        match self.raft.initialize(voters.collect::<BTreeMap<_, _>>()).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(ConsensusError::Ended(error.to_string())),
        }
    }

    /// Proposes a command, if this node is the leader; returns when it is applied here.
    ///
    /// # Errors
    /// When it is not carried out, or it is not known.
    pub(crate) async fn propose(&self, command: Command) -> Result<Reply, ConsensusError> {
        self.refuse_when_leaving()?;
        let written = self.raft.client_write(command).await;
        written.map(|written| written.data).map_err(refused)
    }

    /// Makes sure that this node is the leader, and has applied all that was committed before the call.
    ///
    /// # Errors
    /// When most of the voters do not confirm it.
    pub(crate) async fn confirm_leadership(&self) -> Result<(), ConsensusError> {
        let confirmed = self.raft.ensure_linearizable().await;
        confirmed.map(|_| ()).map_err(|error| match error {
            RaftError::Fatal(fatal) => ConsensusError::Ended(fatal.to_string()),
            RaftError::APIError(_) => ConsensusError::NotLeader(self.view().leader),
        })
    }

    /// Lets a node follow, without a vote. Returns once that is committed; the node may be behind.
    ///
    /// # Errors
    /// When this node is not the leader, or another change is under way.
    pub(crate) async fn add_learner(&self, node: NodeId, addr: &str) -> Result<(), ConsensusError> {
        self.refuse_when_leaving()?;
        let added = self.raft.add_learner(node.0, BasicNode::new(addr), false).await;
        added.map(|_| ()).map_err(refused)
    }

    /// Gives the vote to these nodes; those that lose it stay as learners.
    ///
    /// # Errors
    /// As [`Self::add_learner`]; and when one of them is no learner.
    pub(crate) async fn set_voters(&self, voters: &BTreeSet<NodeId>) -> Result<(), ConsensusError> {
        self.refuse_when_leaving()?;
        let voters: BTreeSet<u64> = voters.iter().map(|node| node.0).collect();
        let changed = self.raft.change_membership(voters, true).await;
        changed.map(|_| ()).map_err(refused)
    }

    /// Lets learners go.
    ///
    /// # Errors
    /// As [`Self::add_learner`]; and when one of them has a vote.
    pub(crate) async fn remove_learners(&self, nodes: &BTreeSet<NodeId>) -> Result<(), ConsensusError> {
        self.refuse_when_leaving()?;
        let nodes = ChangeMembers::RemoveNodes(nodes.iter().map(|node| node.0).collect());
        let changed = self.raft.change_membership(nodes, true).await;
        changed.map(|_| ()).map_err(refused)
    }

    /// Whether this node takes no more commands while it is the leader, so that its log stays as it is. Who has one is to
    /// look for another leader.
    pub(crate) fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Ordering::Relaxed);
    }

    fn refuse_when_leaving(&self) -> Result<(), ConsensusError> {
        match self.leaving.load(Ordering::Relaxed) && self.view().is_leader {
            true => Err(ConsensusError::NotLeader(None)),
            false => Ok(()),
        }
    }

    /// Answers a message of another node's consensus.
    ///
    /// # Errors
    /// When it is no such message.
    pub(crate) async fn answer(&self, call: ConsensusCall, body: &[u8]) -> io::Result<Vec<u8>> {
        network::answer(&self.raft, call, body).await
    }

    /// The address that a node had when it began to follow the consensus.
    pub(crate) fn first_address(&self, node: NodeId) -> Option<String> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let membership = metrics.membership_config.membership();
        membership.get_node(&node.0).map(|node| node.addr.clone())
    }

    /// What this node knows now.
    pub(crate) fn view(&self) -> ConsensusView {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let membership = metrics.membership_config.membership();
        let matched = metrics.replication.iter().flatten();
        ConsensusView {
            term: metrics.current_term,
            leader: metrics.current_leader.map(NodeId),
            is_leader: metrics.state == ServerState::Leader,
            voters: membership.voter_ids().map(NodeId).collect(),
            learners: membership.learner_ids().map(NodeId).collect(),
            changing: membership.get_joint_config().len() > 1,
            last_log: metrics.last_log_index,
            applied: metrics.last_applied.map(|last| last.index),
            snapshot: metrics.snapshot.map(|last| last.index),
            purged: metrics.purged.map(|last| last.index),
            matched: matched
                .map(|(node, last)| (NodeId(*node), last.map(|last| last.index)))
                .collect(),
            ended: metrics.running_state.as_ref().err().map(ToString::to_string),
        }
    }

    /// Waits until what [`Self::view`] tells satisfies a condition.
    ///
    /// # Errors
    /// When the consensus has ended before.
    pub(crate) async fn wait(
        &self,
        mut is_met: impl FnMut(&ConsensusView) -> bool,
    ) -> Result<ConsensusView, ConsensusError> {
        let mut metrics = self.raft.metrics();
        loop {
            metrics.borrow_and_update();
            let view = self.view();
            if is_met(&view) {
                return Ok(view);
            }
            if let Some(ended) = view.ended {
                return Err(ConsensusError::Ended(ended));
            }
            if metrics.changed().await.is_err() {
                return Err(ConsensusError::Ended("it was stopped".into()));
            }
        }
    }

    /// Makes a snapshot soon.
    pub(crate) async fn snapshot(&self) -> Result<(), ConsensusError> {
        let triggered = self.raft.trigger().snapshot().await;
        triggered.map_err(|fatal| ConsensusError::Ended(fatal.to_string()))
    }

    /// Ends it. Nothing is written when it returns; its last tasks may hold the disk a moment longer.
    pub(crate) async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::error!(%error, "the consensus ended badly");
        }
    }
}

fn refused(error: RaftError<u64, ClientWriteError<u64, BasicNode>>) -> ConsensusError {
    match error {
        RaftError::Fatal(fatal) => ConsensusError::Ended(fatal.to_string()),
        RaftError::APIError(ClientWriteError::ForwardToLeader(leader)) => {
            ConsensusError::NotLeader(leader.leader_id.map(NodeId))
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => {
            ConsensusError::Membership(error.to_string())
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn library_config(config: &ConsensusConfig) -> Config {
    Config {
        cluster_name: "vt".into(),
        heartbeat_interval: millis(config.heartbeat),
        election_timeout_min: millis(config.election_min),
        election_timeout_max: millis(config.election_max),
        install_snapshot_timeout: 5_000,
        snapshot_max_chunk_size: SNAPSHOT_PIECE,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(config.snapshot_after),
        max_in_snapshot_log_to_keep: config.keep,
        ..Config::default()
    }
}
