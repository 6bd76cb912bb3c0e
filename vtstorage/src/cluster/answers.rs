//! What this node answers to others.

use super::core::Core;
use super::peer::{
    ConsensusMessage, Forwarded, Introduction, Joined, LeaseOutcome, LeaseReply, LeaseRequest, Peer, PeerError,
};
use super::propose::{Done, ProposeError};
use async_trait::async_trait;
use common::cluster::{Command, NewMember, NodeId, Refused};
use std::time::Duration;
use tokio::time::timeout;

/// How long a node waits to come to the state that a count of hints asks for.
const CATCH_UP: Duration = Duration::from_secs(1);

#[async_trait]
impl Peer for Core {
    async fn introduce(&self) -> Result<Introduction, PeerError> {
        Ok(self.introduction())
    }

    async fn consensus(&self, message: ConsensusMessage) -> Result<Vec<u8>, PeerError> {
        if message.target != self.id() || Some(message.cluster) != self.identity.cluster() {
            return Err(PeerError::Refused(format!(
                "this is node {} of another cluster or none",
                self.id()
            )));
        }
        let answer = self.consensus.answer(message.call, &message.body).await;
        answer.map_err(|error| PeerError::Refused(error.to_string()))
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseReply, PeerError> {
        let Some(lease) = self.grantor.lease() else {
            return Ok(LeaseReply {
                outcome: LeaseOutcome::NotLeader,
                live: Vec::new(),
            });
        };
        let state = self.state();
        let member = state.as_ref().and_then(|state| state.member(request.node));
        let member = member.filter(|member| member.incarnation == request.incarnation);
        if member.is_some() {
            self.grantor.hear(request.node, request.healthy);
        }
        // Who does not know the present epoch does not know who owns what is written now.
        let placed_at = state.as_ref().map_or(0, |state| state.placed_at);
        let up_to_date = request.version >= placed_at;
        let granted = request.healthy && up_to_date && member.is_some_and(|member| member.in_sync());
        // Who is behind would take members for in sync that are not.
        let is_current = state.as_ref().is_some_and(|state| request.version >= state.version);
        Ok(LeaseReply {
            outcome: match granted {
                true => LeaseOutcome::Granted(lease),
                false => LeaseOutcome::Denied,
            },
            live: if is_current { self.grantor.live() } else { Vec::new() },
        })
    }

    async fn forward(&self, command: Command) -> Result<Forwarded, PeerError> {
        self.proposer.here(command).await.map_err(PeerError::Refused)
    }

    async fn join(&self, member: NewMember) -> Result<Joined, PeerError> {
        let Some(cluster) = self.identity.cluster() else {
            return Err(PeerError::Refused("this node has no cluster".into()));
        };
        if self.state().is_none() && self.founds_with(&member) {
            // The cluster comes to be when it votes.
            return Ok(Joined { cluster });
        }
        if let Some(other) = self.member_at(&member) {
            self.supersede(other, member).await?;
            return Ok(Joined { cluster });
        }
        match self.proposer.propose(Command::AddMember(member.clone())).await {
            Ok(_) => {}
            Err(ProposeError::Refused(Refused::IsMember(_))) => self.update_member(member).await?,
            Err(error) => return Err(PeerError::Refused(error.to_string())),
        }
        Ok(Joined { cluster })
    }

    async fn hints_for(&self, target: NodeId) -> Result<u64, PeerError> {
        Ok(self.hints_for_now(target))
    }

    async fn confirm_no_hints(&self, target: NodeId, generation: u64, version: u64) -> Result<bool, PeerError> {
        if !self.wait_version(version, CATCH_UP).await {
            return Err(PeerError::Refused(format!("not at version {version} yet")));
        }
        let state = self.state();
        let mark = state.as_ref().and_then(|state| state.member(target)?.mark);
        let closing = mark.is_some_and(|mark| mark.generation == generation && mark.closing);
        Ok(closing && self.hints_for_now(target) == 0)
    }
}

impl Core {
    /// What is being stored is counted first: a hint that becomes durable in between is counted twice, not missed.
    pub(super) fn hints_for_now(&self, target: NodeId) -> u64 {
        let under_way = self.hints.under_way(target);
        under_way.saturating_add(self.store.hints_for(target))
    }

    /// Whether this node makes a cluster with that one, as it is.
    fn founds_with(&self, member: &NewMember) -> bool {
        let founding = self.identity.founding();
        founding.is_some_and(|founding| founding.contains(member))
    }

    /// Another member that is reached where this one would be: calls for it would come to the wrong node.
    fn member_at(&self, new: &NewMember) -> Option<NodeId> {
        let state = self.state()?;
        let mut members = state.members.values();
        let other = members.find(|member| member.addr == new.addr && member.id != new.id);
        other.map(|member| member.id)
    }

    /// Lets a node take the place of the member whose address it has, if that member is not heard of: its disk is lost. It
    /// must be that node, and no other, who answers there.
    async fn supersede(&self, old: NodeId, member: NewMember) -> Result<(), PeerError> {
        let answering = timeout(CATCH_UP, self.peers.at(&member.addr).introduce()).await;
        let is_there = matches!(&answering, Ok(Ok(there)) if there.member.id == member.id);
        if !is_there || self.live.nodes().contains(&old) {
            return Err(PeerError::Refused(format!(
                "{} is the address of member {old}, and node {} has not its disk",
                member.addr, member.id
            )));
        }
        let last_day = self.store.last_day();
        tracing::warn!(%old, new = %member.id, addr = member.addr, "a node without its disk comes back as another one");
        let command = Command::Supersede { old, member, last_day };
        let superseded = self.proposer.propose(command).await;
        superseded
            .map(|_: Done| ())
            .map_err(|error| PeerError::Refused(error.to_string()))
    }

    async fn update_member(&self, member: NewMember) -> Result<(), PeerError> {
        let last_day = self.store.last_day();
        let updated = self.proposer.propose(Command::UpdateMember { member, last_day }).await;
        updated
            .map(|_: Done| ())
            .map_err(|error| PeerError::Refused(error.to_string()))
    }
}
