//! Commands from any node to the leader.

use super::peer::{Forwarded, Peers};
use super::raft::{Consensus, ConsensusError, Reply};
use common::cluster::{Applied, ClusterState, Command, NodeId, Refused};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long a command may take, an election included.
const DEADLINE: Duration = Duration::from_secs(6);
/// How long one try may take: a leader that is cut off does not know it.
const TRY: Duration = Duration::from_secs(2);
/// Between tries.
const PAUSE: Duration = Duration::from_millis(50);

/// What a command did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    pub applied: Applied,
    /// The generation of the mark that it asked for
    pub generation: Option<u64>,
}

/// Why a command did nothing, as far as is known.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProposeError {
    /// The state does not allow it
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no leader, or it did not answer in time: the command may yet be carried out
    #[error("the cluster's state cannot be changed now: {0}")]
    Unavailable(String),
}

impl Reply {
    fn done(self) -> Result<Done, ProposeError> {
        let generation = self.generation;
        match self.outcome {
            Some(Ok(applied)) => Ok(Done { applied, generation }),
            Some(Err(refused)) => Err(refused.into()),
            None => Err(ProposeError::Unavailable("the reply is empty".into())),
        }
    }
}

/// The address of a node: as the state has it, for whoever is a member.
pub(super) fn address(state: Option<&ClusterState>, node: NodeId) -> Option<String> {
    Some(state?.member(node)?.addr.clone())
}

/// Carries commands to the leader, and waits for elections.
pub(crate) struct Proposer {
    pub(super) consensus: Consensus,
    pub(super) peers: Arc<dyn Peers>,
}

/// What came of one try.
enum Tried {
    Answered(Reply),
    /// The leader may be here
    Elsewhere(String),
    Failed(String),
}

impl Proposer {
    /// Has a command carried out, wherever the leader is. A command whose answer was lost is sent again: all of them may
    /// be carried out twice.
    ///
    /// # Errors
    /// When it is refused, or not known to be carried out within some seconds.
    pub(crate) async fn propose(&self, command: Command) -> Result<Done, ProposeError> {
        let deadline = Instant::now() + DEADLINE;
        let mut addr = None;
        loop {
            let next = match timeout_at(deadline.min(Instant::now() + TRY), self.attempt(&command, addr)).await {
                Ok(Tried::Answered(reply)) => return reply.done(),
                Ok(Tried::Elsewhere(addr)) => Ok(addr),
                Ok(Tried::Failed(why)) => Err(why),
                Err(_) => Err("no answer from the leader".to_owned()),
            };
            let why = next
                .as_ref()
                .err()
                .cloned()
                .unwrap_or_else(|| "no leader is known".into());
            if Instant::now() + PAUSE >= deadline {
                return Err(ProposeError::Unavailable(why));
            }
            addr = next.ok();
            sleep(PAUSE).await;
        }
    }

    /// Tries this node, or the node at the address.
    async fn attempt(&self, command: &Command, addr: Option<String>) -> Tried {
        let addr = match addr {
            Some(addr) => addr,
            None => match self.consensus.propose(command.clone()).await {
                Ok(reply) => return Tried::Answered(reply),
                Err(ConsensusError::NotLeader(Some(leader))) => match self.address_of(Some(leader)) {
                    Some(addr) => addr,
                    None => return Tried::Failed(format!("the address of the leader {leader} is not known")),
                },
                Err(ConsensusError::NotLeader(None)) => return Tried::Failed("there is no leader".into()),
                Err(error) => return Tried::Failed(error.to_string()),
            },
        };
        match self.peers.at(&addr).forward(command.clone()).await {
            Ok(Forwarded::Done(reply)) => Tried::Answered(reply),
            Ok(Forwarded::NotLeader(Some(addr))) => Tried::Elsewhere(addr),
            Ok(Forwarded::NotLeader(None)) => Tried::Failed("there is no leader".into()),
            Err(error) => Tried::Failed(format!("the leader at {addr}: {error}")),
        }
    }

    /// Carries out a command of another node, if this one is the leader.
    pub(crate) async fn here(&self, command: Command) -> Result<Forwarded, String> {
        match timeout(DEADLINE, self.consensus.propose(command)).await {
            Ok(Ok(reply)) => Ok(Forwarded::Done(reply)),
            Ok(Err(ConsensusError::NotLeader(leader))) => Ok(Forwarded::NotLeader(self.address_of(leader))),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("most of the voters do not answer".into()),
        }
    }

    /// Before there is a state, as the consensus knows it.
    fn address_of(&self, node: Option<NodeId>) -> Option<String> {
        let node = node?;
        let known = address(self.consensus.states().borrow().as_deref(), node);
        known.or_else(|| self.consensus.first_address(node))
    }
}
