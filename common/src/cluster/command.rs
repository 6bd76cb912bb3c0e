//! What may be asked of the replicated state: each change of it is one command.

use super::{ClusterId, Incarnation, Move, NodeId, Owners, Settings, SlotSet};
use crate::ids::Epoch;
use serde::{Deserialize, Serialize};

/// A node that becomes a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewMember {
    pub id: NodeId,
    /// `host:port` of its one listener
    pub addr: String,
    /// May be empty
    pub zone: String,
    pub incarnation: Incarnation,
}

/// A change of the cluster. Whatever depends on a clock, a disk or a hash library is in the command, so that every node
/// that applies it comes to the same state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Makes the cluster, at version 1 and epoch 1.
    Init {
        cluster: ClusterId,
        settings: Settings,
        members: Vec<NewMember>,
        /// Of each slot ([`super::place`] over no owners)
        owners: Owners,
        /// The member that was a node of its own before: all that was written under epoch 0 lies on it
        standalone: Option<NodeId>,
        /// The latest day that a span written so far may be of; of meaning with `standalone` only
        last_day: u32,
    },
    /// Adds a member, in sync and without slots.
    AddMember(NewMember),
    /// A member says who it is: after a start, or on another address. Another incarnation means that what it held is
    /// gone: it is taken out of the history, its slots begin a new epoch, and it is marked.
    UpdateMember {
        member: NewMember,
        /// The latest day that a span written so far may be of
        last_day: u32,
    },
    /// The node missed a write that is being acknowledged.
    Mark { node: NodeId },
    /// No hints of this mark are taken any more.
    BeginClose { node: NodeId, generation: u64 },
    /// Nobody holds hints of this mark.
    Lift { node: NodeId, generation: u64 },
    /// The node's disk is nearly full, or no longer.
    SetFull { node: NodeId, full: bool },
    /// Changes settings. A new replication factor has its effect with the next [`Self::Place`].
    SetSettings(Settings),
    /// Days before this one are no longer kept. It never goes back.
    SetOldestDay(u32),
    /// Gives slots to other owners, under the next epoch.
    Place {
        /// The epoch that `owners` was computed from
        epoch: Epoch,
        /// Of each slot
        owners: Owners,
        /// The latest day that a span written so far may be of
        last_day: u32,
    },
    /// The node shall hold nothing in the end.
    Drain { node: NodeId },
    /// A node that holds nothing leaves.
    Remove { node: NodeId },
    /// A member that drains or was away takes slots again.
    Rejoin { node: NodeId },
    /// A member has not been heard of for long.
    SetAway { node: NodeId },
    /// A node without data has come to the address of a member whose disk is lost, and takes its place.
    Supersede {
        old: NodeId,
        member: NewMember,
        /// The latest day that a span written so far may be of
        last_day: u32,
    },
    /// Nothing is written under this epoch and earlier ones any more.
    Seal { epoch: Epoch },
    /// Moves to be made: all of them, or none.
    PlanMoves(Vec<Move>),
    /// The target of a transfer begins it, or begins it again.
    BeginTransfer { id: u64 },
    /// The target of a transfer has all that its source has.
    CompleteTransfer { id: u64, attempt: u64 },
    /// A transfer is given up.
    CancelTransfer { id: u64 },
    /// A node that no longer owns slots gives up what was written while it did; the owners have it.
    Release {
        slots: SlotSet,
        epochs: (Epoch, Epoch),
        node: NodeId,
    },
    /// Whether transfers are held up.
    PauseTransfers { paused: bool },
    /// What is on no node any more is not missed any longer.
    AcceptLoss,
    /// Begins the next epoch under the same placement, so that the present one can be sealed.
    NextEpoch { epoch: Epoch },
    /// Changes nothing: whoever gets its answer knows the version that all before it have come to.
    Barrier,
}
