//! States of clusters for tests.

use common::cluster::{ClusterId, ClusterState, Incarnation, Member, MemberState, NodeId, Placement, Settings};
use common::ids::Epoch;

/// A cluster of these nodes, without slots.
pub(crate) fn state_of(ids: impl IntoIterator<Item = u64>) -> ClusterState {
    let member = |id: u64| Member {
        id: NodeId(id),
        addr: format!("n{id}:1"),
        zone: String::new(),
        incarnation: Incarnation(u128::from(id)),
        state: MemberState::Active,
        mark: None,
        generation: 0,
        full: false,
    };
    ClusterState {
        cluster: ClusterId(1),
        version: 1,
        epoch: Epoch(1),
        settings: Settings {
            replication_factor: 2,
            slots: 16,
            retention_seconds: 86_400,
        },
        members: ids.into_iter().map(|id| (NodeId(id), member(id))).collect(),
        placement: Placement::default(),
        oldest_day: 0,
        sealed: Default::default(),
        placed_at: 0,
        transfers: Default::default(),
    }
}
