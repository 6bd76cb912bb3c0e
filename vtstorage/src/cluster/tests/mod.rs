//! Nodes in one process that come into a cluster, fail and come back.

mod net;

use crate::cluster::ProposeError;
use common::cluster::{ClusterState, Command, NodeId, Refused, Settings};
use net::{Cluster, PATIENCE, until, until_state};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;

fn settings(replication_factor: u8) -> Command {
    Command::SetSettings(Settings {
        replication_factor,
        slots: 64,
        retention_seconds: 7 * 86_400,
    })
}

fn shares(state: &ClusterState, node: NodeId) -> usize {
    state
        .placement
        .all_owners()
        .iter()
        .filter(|owners| owners.contains(&node))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_empty_nodes_make_one_cluster() {
    let cluster = Cluster::of(3).await;
    cluster.until_voters(3).await;
    cluster.until_in_sync().await;
    let ids: Vec<NodeId> = cluster.running().map(|node| node.id()).collect();
    let clusters: Vec<_> = cluster.running().map(|node| node.cluster()).collect();
    assert!(clusters[0].is_some() && clusters.iter().all(|id| *id == clusters[0]));
    let state = cluster.node(0).state().unwrap();
    assert_eq!(
        state.members.keys().copied().collect::<std::collections::BTreeSet<_>>(),
        ids.iter().copied().collect()
    );
    for id in ids {
        let share = shares(&state, id);
        assert!((38..=48).contains(&share), "{share} of 128");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_at_a_follower_reaches_everybody() {
    let cluster = Cluster::of(3).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_leader_takes_over_and_the_old_one_comes_back() {
    let mut cluster = Cluster::of(3).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_start_again_without_peers() {
    let mut cluster = Cluster::of(3).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fourth_and_a_fifth_node_join_and_get_slots_and_votes() {
    let mut cluster = Cluster::new(5, 3);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_does_not_go_on() {
    let mut other = Cluster::new(1, 1);
    other.start(0).await;
    until_state(other.node(0), |_| true).await;
    other.kill(0).await;
    let mut cluster = Cluster::new(4, 3);
    for at in 0..3 {
        cluster.start(at).await;
    }
    until_state(cluster.node(0), |_| true).await;
    cluster.seats[3].disk = other.seats[0].disk.clone();
    cluster.start(3).await;
    let why = timeout(PATIENCE, cluster.node(3).failed()).await.unwrap();
    assert!(why.contains("belongs to cluster"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_far_behind_gets_a_snapshot() {
    let mut cluster = Cluster::new(3, 3);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_is_lifted_when_nobody_holds_hints() {
    let cluster = Cluster::of(3).await;
    cluster.until_in_sync().await;
    let (target, holder) = (cluster.node(0), cluster.node(1));
    cluster.seats[1].store.hints.lock().insert(target.id(), 2);
    let generation = cluster.node(2).mark(target.id()).await.unwrap();
    assert_eq!(generation, 1);
    until_state(target, |state| !state.in_sync(target.id())).await;
    assert!(!target.in_sync());
    let pass = holder.admit_hint(target.id(), generation);
    until_state(holder, |state| !state.in_sync(target.id())).await;
    drop(pass);
    // The leader has looked at it more than once in this time, and leaves the mark.
    let others_version = cluster.node(2).propose(settings(1)).await.unwrap().applied.version;
    until_state(holder, |state| state.version >= others_version).await;
    assert!(!holder.state().unwrap().in_sync(target.id()));
    cluster.seats[1].store.hints.lock().clear();
    until_state(holder, |state| state.in_sync(target.id())).await;
    assert!(holder.admit_hint(target.id(), generation).is_err());
    until("in sync again", async || target.in_sync()).await;
    assert_eq!(holder.mark(target.id()).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_that_is_being_stored_keeps_the_mark() {
    let cluster = Cluster::of(3).await;
    let (target, holder) = (cluster.node(0), cluster.node(1));
    cluster.seats[2].store.hints.lock().insert(target.id(), 1);
    let generation = holder.mark(target.id()).await.unwrap();
    until_state(holder, |state| !state.in_sync(target.id())).await;
    let pass = holder.admit_hint(target.id(), generation).unwrap();
    cluster.seats[2].store.hints.lock().clear();
    let query = crate::cluster::HintsQuery {
        target: target.id(),
        version: 0,
    };
    assert_eq!(holder.peer().hints(query).await, Ok(1));
    drop(pass);
    until_state(holder, |state| state.in_sync(target.id())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_loses_its_lease_and_then_its_place() {
    let cluster = Cluster::of(3).await;
    cluster.until_voters(3).await;
    cluster.until_in_sync().await;
    let old = cluster.leader().await;
    cluster.net.isolate(&cluster.seats[old].addr, true);
    until("the lease has run out", async || !cluster.node(old).in_sync()).await;
    let majority = (old + 1) % 3;
    let elected = |view: &crate::cluster::ConsensusView| view.leader.is_some_and(|id| id != cluster.node(old).id());
    timeout(PATIENCE, cluster.node(majority).wait_consensus(elected))
        .await
        .unwrap()
        .unwrap();
    let generation = cluster.node(majority).mark(cluster.node(old).id()).await.unwrap();
    assert_eq!(generation, 1);
    assert!(cluster.node(old).propose(settings(1)).await.is_err());
    assert!(cluster.node(majority).wait_in_sync(Duration::from_secs(5)).await);
    cluster.net.isolate(&cluster.seats[old].addr, false);
    cluster.until_in_sync().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_disk_is_another_incarnation() {
    let mut cluster = Cluster::of(3).await;
    cluster.until_voters(3).await;
    cluster.until_in_sync().await;
    let lost = (cluster.leader().await + 1) % 3;
    let id = cluster.node(lost).id();
    let epoch = cluster.node(lost).state().unwrap().epoch;
    cluster.kill(lost).await;
    cluster.seats[lost].incarnation = 77;
    cluster.start(lost).await;
    let state = until_state(cluster.node(lost), |state| state.epoch > epoch).await;
    assert_eq!(state.member(id).unwrap().generation, 1);
    cluster.until_in_sync().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_spans_becomes_the_first_of_a_cluster() {
    let mut cluster = Cluster::new(3, 3);
    cluster.seats[1].standalone = true;
    for at in 0..3 {
        cluster.start(at).await;
    }
    let state = until_state(cluster.node(0), |_| true).await;
    let first = cluster.node(1).id();
    assert!(
        state
            .placement
            .slots
            .iter()
            .all(|history| history[0].from.0 == 0 && history[0].replicas == [first])
    );
    assert_eq!(state.epoch.0, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told() {
    let cluster = Cluster::of(3).await;
    let id = cluster.node(1).id();
    cluster.seats[1].store.full.store(true, Ordering::Relaxed);
    until_state(cluster.node(0), |state| state.members[&id].full).await;
    cluster.seats[1].store.full.store(false, Ordering::Relaxed);
    until_state(cluster.node(0), |state| !state.members[&id].full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_disk_ends_the_node() {
    let cluster = Cluster::of(3).await;
    cluster.until_voters(3).await;
    let broken = (cluster.leader().await + 1) % 3;
    cluster.seats[broken].disk.set_failing(true);
    cluster.node((broken + 1) % 3).propose(settings(3)).await.unwrap();
    let why = timeout(PATIENCE, cluster.node(broken).failed()).await.unwrap();
    assert!(why.contains("made to fail"), "{why}");
}
