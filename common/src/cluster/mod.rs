//! What the nodes of a cluster agree on and say to each other: slots and epochs, the replicated state, and the calls
//! that a storage node answers. Plain data and contracts: no consensus library, no sockets, no clocks.

mod calls;
mod ids;
mod node;
mod peer;
mod slots;
mod state;

pub use calls::{
    ClusterView, NodeAnswers, NodePart, NodeQuery, ReplicaWrite, RequestPart, Scope, ScopeRange, StorageNode,
};
pub use ids::{ClusterId, Incarnation, NodeId, Slot};
pub use node::{Mark, Member, MemberState};
pub use peer::{HintCount, PeerNode};
pub use slots::SlotSet;
pub use state::{ClusterState, Placement, PlacementEntry, Settings};
