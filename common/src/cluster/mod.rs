//! What the nodes of a cluster agree on and say to each other: slots and epochs, the replicated state, and the calls
//! that a storage node answers. Plain data and contracts: no consensus library, no sockets, no clocks.

mod apply;
#[cfg(test)]
mod apply_tests;
mod apply_transfers;
mod calls;
mod command;
mod digest;
mod ids;
mod node;
mod peer;
mod place;
mod read_plan;
#[cfg(test)]
mod read_plan_tests;
mod repair_plan;
mod ring;
mod slots;
mod state;
mod transfer;
mod transfer_plan;
#[cfg(test)]
mod transfer_tests;

pub use apply::{Applied, Event, Refused, apply};
pub use calls::{
    ClusterView, NodeAnswers, NodePart, NodeQuery, ReplicaWrite, RequestPart, Scope, ScopeRange, StorageNode,
};
pub use command::{Command, NewMember};
pub use digest::SlotDigest;
pub use ids::{ClusterId, Incarnation, NodeId, Slot};
pub use node::{Mark, Member, MemberState};
pub use peer::{HintCount, PeerNode, Pull, Pulled, Pulls};
pub use place::place;
pub use read_plan::{ReadPlan, plan_reads};
pub use repair_plan::plan_repair;
pub use ring::Ring;
pub use slots::SlotSet;
pub use state::{ClusterState, Owners, Placement, PlacementEntry, Settings};
pub use transfer::{Move, Transfer, Transfers};
pub use transfer_plan::{MoveLimits, Moves, Release, plan_moves};
