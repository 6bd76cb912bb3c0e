//! Which members vote: pure.

use common::cluster::{ClusterState, MemberState, NewMember, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// An odd number, so that no half can block the other: 5 of 5 and more members, 3 of 3 and more.
fn wanted(members: usize) -> usize {
    match members {
        0..3 => 1,
        3..5 => 3,
        _ => 5,
    }
}

/// The voters that the cluster shall have; `None` if those that it has are right, or nothing better is possible yet.
///
/// `ready` are the members that are alive and have nearly all of the log: only they are given a vote. A voter stays one as
/// long as it is a member that takes slots. New ones come from the zones with the fewest voters.
pub(crate) fn next_voters(
    state: &ClusterState,
    voters: &BTreeSet<NodeId>,
    ready: &BTreeSet<NodeId>,
) -> Option<BTreeSet<NodeId>> {
    let active = state
        .members
        .values()
        .filter(|member| member.state == MemberState::Active);
    let active: BTreeMap<NodeId, &str> = active.map(|member| (member.id, member.zone.as_str())).collect();
    let wanted = wanted(active.len());
    let mut next: BTreeSet<NodeId> = voters.iter().copied().filter(|id| active.contains_key(id)).collect();
    while next.len() > wanted {
        next.pop_last();
    }
    let next = filled(next, wanted, &active, |id| ready.contains(id))?;
    (next != *voters).then_some(next)
}

/// The voters of a cluster that `founder` makes with `members`.
pub(crate) fn first_voters(founder: NodeId, members: &[NewMember]) -> BTreeSet<NodeId> {
    let zones: BTreeMap<NodeId, &str> = members.iter().map(|m| (m.id, m.zone.as_str())).collect();
    let alone = BTreeSet::from([founder]);
    filled(alone.clone(), wanted(members.len()), &zones, |_| true).unwrap_or(alone)
}

/// With more voters until so many are `wanted`, from the zones with the fewest; `None` if there are not enough.
fn filled(
    mut voters: BTreeSet<NodeId>,
    wanted: usize,
    zones: &BTreeMap<NodeId, &str>,
    may_vote: impl Fn(&NodeId) -> bool,
) -> Option<BTreeSet<NodeId>> {
    while voters.len() < wanted {
        let in_zone = |zone: &str| voters.iter().filter(|id| zones.get(*id) == Some(&zone)).count();
        let candidates = zones.iter().filter(|(id, _)| may_vote(id) && !voters.contains(id));
        let (id, _) = candidates.min_by_key(|(id, zone)| (in_zone(zone), **id))?;
        voters.insert(*id);
    }
    Some(voters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::state_of;
    use common::cluster::Incarnation;

    fn set(ids: &[u64]) -> BTreeSet<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn there_are_one_three_or_five() {
        let all = set(&[1, 2, 3, 4, 5, 6]);
        let voters = |members: u64| {
            next_voters(&state_of(1..=members), &set(&[1]), &all)
                .unwrap_or(set(&[1]))
                .len()
        };
        assert_eq!([1, 2, 3, 4, 5, 6].map(voters), [1, 1, 3, 3, 5, 5]);
    }

    #[test]
    fn a_cluster_begins_with_voters_of_all_zones() {
        let member = |(id, zone): (u64, &str)| NewMember {
            id: NodeId(id),
            addr: format!("n{id}:1"),
            zone: zone.into(),
            incarnation: Incarnation(0),
        };
        let zones = [(1, "a"), (2, "a"), (3, "b"), (4, "c")];
        let members: Vec<NewMember> = zones.into_iter().map(member).collect();
        assert_eq!(first_voters(NodeId(1), &members), set(&[1, 3, 4]));
        assert_eq!(first_voters(NodeId(2), &members[..3]), set(&[1, 2, 3]));
        assert_eq!(first_voters(NodeId(1), &members[..2]), set(&[1]));
    }

    #[test]
    fn only_nodes_that_are_ready_get_a_vote() {
        let state = state_of(1..=3);
        assert_eq!(next_voters(&state, &set(&[1]), &set(&[1, 2])), None);
        assert_eq!(next_voters(&state, &set(&[1]), &set(&[1, 2, 3])), Some(set(&[1, 2, 3])));
    }

    #[test]
    fn voters_stay_voters() {
        let state = state_of(1..=4);
        assert_eq!(next_voters(&state, &set(&[2, 3, 4]), &set(&[1, 2])), None);
    }

    #[test]
    fn who_leaves_or_drains_loses_its_vote_to_another_zone() {
        let mut state = state_of(1..=5);
        for (id, zone) in [(1, "a"), (2, "a"), (3, "a"), (4, "a"), (5, "b")] {
            state.members.get_mut(&NodeId(id)).unwrap().zone = zone.into();
        }
        state.members.get_mut(&NodeId(3)).unwrap().state = MemberState::Draining;
        let next = next_voters(&state, &set(&[1, 2, 3]), &set(&[4, 5]));
        assert_eq!(next, Some(set(&[1, 2, 5])));
    }
}
