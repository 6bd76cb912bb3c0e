//! Coming into a cluster, and staying in it.

use super::seats::{Cluster, Kind, PATIENCE, until_state};
use super::{settings, shares};
use crate::cluster::ProposeError;
use common::cluster::{Command, NodeId, Refused};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use tokio::time::timeout;

pub(super) async fn three_empty_nodes_make_one_cluster(kind: Kind) {
    let cluster = Cluster::of(kind, 3).await;
    cluster.until_voters(3).await;
    cluster.until_in_sync().await;
    let ids: Vec<NodeId> = cluster.running().map(|node| node.id()).collect();
    let clusters: Vec<_> = cluster.running().map(|node| node.cluster()).collect();
    assert!(clusters[0].is_some() && clusters.iter().all(|id| *id == clusters[0]));
    let state = cluster.node(0).state().unwrap();
    assert_eq!(
        state.members.keys().copied().collect::<BTreeSet<_>>(),
        ids.iter().copied().collect()
    );
    for id in ids {
        let share = shares(&state, id);
        assert!((38..=48).contains(&share), "{share} of 128");
    }
}

/// From the moment that it is there.
pub(super) async fn who_made_the_cluster_is_not_needed_any_more(kind: Kind) {
    let mut cluster = Cluster::of(kind, 3).await;
    let (_, founder) = (0..3).map(|at| (cluster.node(at).id(), at)).min().unwrap();
    cluster.kill(founder).await;
    let changed = cluster.node((founder + 1) % 3).propose(settings(3)).await;
    assert!(changed.is_ok(), "{changed:?}");
    cluster.start(founder).await;
    cluster.until_in_sync().await;
}

pub(super) async fn a_command_at_a_follower_reaches_everybody(kind: Kind) {
    let cluster = Cluster::of(kind, 3).await;
    let leader = cluster.leader().await;
    let follower = (leader + 1) % 3;
    let done = cluster.node(follower).propose(settings(3)).await.unwrap();
    for node in cluster.running() {
        let state = until_state(node, |state| state.version >= done.applied.version).await;
        assert_eq!(state.settings.replication_factor, 3);
    }
    let nobody = Command::Mark { node: NodeId(1) };
    let refused = cluster.node(follower).propose(nobody).await.unwrap_err();
    assert_eq!(refused, ProposeError::Refused(Refused::NoMember(NodeId(1))));
}

pub(super) async fn another_leader_takes_over_and_the_old_one_comes_back(kind: Kind) {
    let mut cluster = Cluster::of(kind, 3).await;
    cluster.until_voters(3).await;
    let old = cluster.leader().await;
    cluster.kill(old).await;
    let new = cluster.leader().await;
    assert_ne!(old, new);
    let done = cluster.node(new).propose(settings(3)).await.unwrap();
    cluster.start(old).await;
    let state = until_state(cluster.node(old), |state| state.version >= done.applied.version).await;
    assert_eq!(state.settings.replication_factor, 3);
    cluster.until_in_sync().await;
}

pub(super) async fn a_leader_that_stops_leaves_the_lead_first(kind: Kind) {
    the_lead_is_left(kind, 3).await;
}

/// Nobody waits until the old leader is missed: it goes on as a follower of the new one, until it stops.
pub(super) async fn the_lead_is_left(kind: Kind, voters: usize) {
    let mut cluster = Cluster::of(kind, voters).await;
    cluster.until_voters(voters).await;
    let old = cluster.leader().await;
    let follower = cluster.node((old + 1) % voters);
    assert_eq!(follower.hand_over().await, None, "it does not lead");
    let leaving = cluster.node(old);
    let new = leaving.hand_over().await.expect("another leader");
    assert_ne!(new, leaving.id());
    assert_eq!(leaving.consensus().leader, Some(new));
    let done = leaving.propose(settings(3)).await.unwrap();
    cluster.kill(old).await;
    let leader = cluster.leader().await;
    assert_eq!(cluster.node(leader).id(), new, "nobody else was elected");
    until_state(cluster.node(leader), |state| state.version >= done.applied.version).await;
}

pub(super) async fn all_nodes_start_again_without_peers(kind: Kind) {
    let mut cluster = Cluster::of(kind, 3).await;
    cluster.until_voters(3).await;
    let done = cluster.node(0).propose(settings(3)).await.unwrap();
    let id = cluster.node(0).cluster();
    for at in 0..3 {
        cluster.kill(at).await;
    }
    cluster.forget_peers();
    for at in 0..3 {
        cluster.start(at).await;
    }
    for node in cluster.running() {
        assert_eq!(node.cluster(), id);
        until_state(node, |state| state.version >= done.applied.version).await;
    }
    cluster.until_in_sync().await;
}

pub(super) async fn a_fourth_and_a_fifth_node_join_and_get_slots_and_votes(kind: Kind) {
    let mut cluster = Cluster::new(kind, 5, 3);
    for at in 0..3 {
        cluster.start(at).await;
    }
    cluster.until_voters(3).await;
    cluster.start(3).await;
    let fourth = cluster.node(3).id();
    let state = until_state(cluster.node(3), |state| shares(state, fourth) > 0).await;
    assert!(shares(&state, fourth) >= 28, "{}", shares(&state, fourth));
    let learners = cluster.node(3).wait_consensus(|view| view.learners.contains(&fourth));
    assert_eq!(timeout(PATIENCE, learners).await.unwrap().unwrap().voters.len(), 3);
    cluster.start(4).await;
    cluster.until_voters(5).await;
    cluster.until_in_sync().await;
}

pub(super) async fn a_node_of_another_cluster_does_not_go_on(kind: Kind) {
    let mut other = Cluster::new(kind, 1, 1);
    other.start(0).await;
    until_state(other.node(0), |_| true).await;
    other.kill(0).await;
    let mut cluster = Cluster::new(kind, 4, 3);
    for at in 0..3 {
        cluster.start(at).await;
    }
    until_state(cluster.node(0), |_| true).await;
    cluster.seats[3].take_disk(other.seats.remove(0));
    cluster.start(3).await;
    let why = timeout(PATIENCE, cluster.node(3).failed()).await.unwrap();
    assert!(why.contains("belongs to cluster"), "{why}");
}

pub(super) async fn a_node_far_behind_gets_a_snapshot(kind: Kind) {
    let mut cluster = Cluster::new(kind, 3, 3);
    cluster.config.snapshot_after = 20;
    cluster.config.keep = 5;
    for at in 0..3 {
        cluster.start(at).await;
    }
    cluster.until_voters(3).await;
    let late = (cluster.leader().await + 1) % 3;
    cluster.kill(late).await;
    let alive = cluster.leader().await;
    let last = cluster.node(alive).consensus().last_log.unwrap();
    for change in 0..40 {
        cluster.node(alive).propose(settings(1 + change % 2)).await.unwrap();
    }
    let purged = cluster
        .node(alive)
        .wait_consensus(|view| view.purged.is_some_and(|purged| purged > last));
    timeout(PATIENCE, purged).await.unwrap().unwrap();
    let version = cluster.node(alive).state().unwrap().version;
    cluster.start(late).await;
    until_state(cluster.node(late), |state| state.version >= version).await;
    assert!(cluster.node(late).consensus().snapshot.is_some());
    cluster.until_in_sync().await;
}

pub(super) async fn a_node_without_room_has_all_keep_fewer_days(kind: Kind) {
    let cluster = Cluster::of(kind, 3).await;
    cluster.until_voters(3).await;
    for (seat, day) in [(1, 19_998), (2, 19_996), (0, 19_999)] {
        cluster.seats[seat].store.first_day.store(day, Ordering::Relaxed);
        for node in cluster.running() {
            until_state(node, |state| state.oldest_day >= day).await;
        }
    }
    for node in cluster.running() {
        assert_eq!(node.state().unwrap().oldest_day, 19_999);
    }
}
