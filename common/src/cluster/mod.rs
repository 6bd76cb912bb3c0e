//! What the nodes of a cluster agree on and say to each other: slots and epochs, the replicated state, and the calls
//! that a storage node answers. Plain data and contracts: no consensus library, no sockets, no clocks.

mod apply;
#[cfg(test)]
mod apply_tests;
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
mod ring;
mod slots;
mod state;

pub use apply::{Applied, Event, Refused, apply};
pub use calls::{
    ClusterView, NodeAnswers, NodePart, NodeQuery, ReplicaWrite, RequestPart, Scope, ScopeRange, StorageNode,
};
pub use command::{Command, NewMember};
pub use digest::SlotDigest;
pub use ids::{ClusterId, Incarnation, NodeId, Slot};
pub use node::{Mark, Member, MemberState};
pub use peer::{HintCount, PeerNode};
pub use place::place;
pub use read_plan::{ReadPlan, plan_reads};
pub use ring::Ring;
pub use slots::SlotSet;
pub use state::{ClusterState, Owners, Placement, PlacementEntry, Settings};
