//! Nodes that miss something, and what they may answer.

use super::seats::{Cluster, Kind, PATIENCE, until, until_state};
use super::settings;
use common::cluster::{NewMember, NodeId};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_is_lifted_when_nobody_holds_hints() {
    let cluster = Cluster::of(Kind::Memory, 3).await;
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
    let cluster = Cluster::of(Kind::Memory, 3).await;
    let (target, holder) = (cluster.node(0), cluster.node(1));
    cluster.seats[2].store.hints.lock().insert(target.id(), 1);
    let generation = holder.mark(target.id()).await.unwrap();
    until_state(holder, |state| !state.in_sync(target.id())).await;
    let pass = holder.admit_hint(target.id(), generation).unwrap();
    cluster.seats[2].store.hints.lock().clear();
    assert_eq!(holder.peer().hints_for(target.id()).await, Ok(1));
    drop(pass);
    until_state(holder, |state| state.in_sync(target.id())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_loses_its_lease_and_then_its_place() {
    let cluster = Cluster::of(Kind::Memory, 3).await;
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
    let mut cluster = Cluster::of(Kind::Memory, 3).await;
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
async fn a_node_without_its_disk_takes_the_place_of_the_member_that_it_was() {
    let mut cluster = Cluster::of(Kind::Memory, 3).await;
    cluster.until_voters(3).await;
    let lost = (cluster.leader().await + 1) % 3;
    let before = cluster.node(lost).id();
    // While the member is there nobody takes its place.
    let stranger = NewMember {
        id: NodeId(99),
        ..cluster.node(lost).introduction().member
    };
    let refused = cluster.node((lost + 1) % 3).peer().join(stranger).await.unwrap_err();
    assert!(refused.to_string().contains("is the address of member"), "{refused}");
    cluster.kill(lost).await;
    cluster.seats[lost].disk = Default::default();
    cluster.start(lost).await;
    let now = cluster.node(lost).id();
    let state = until_state(cluster.node((lost + 1) % 3), |state| state.member(before).is_none()).await;
    assert_ne!(now, before);
    assert!(state.member(now).is_some() && state.members.len() == 3);
    assert!(state.placement.names(now) && !state.placement.names(before));
    cluster.until_in_sync().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_spans_becomes_the_first_of_a_cluster() {
    let mut cluster = Cluster::new(Kind::Memory, 3, 3);
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
    let cluster = Cluster::of(Kind::Memory, 3).await;
    let id = cluster.node(1).id();
    cluster.seats[1].store.full.store(true, Ordering::Relaxed);
    until_state(cluster.node(0), |state| state.members[&id].full).await;
    cluster.seats[1].store.full.store(false, Ordering::Relaxed);
    until_state(cluster.node(0), |state| !state.members[&id].full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_disk_ends_the_node() {
    let cluster = Cluster::of(Kind::Memory, 3).await;
    cluster.until_voters(3).await;
    let broken = (cluster.leader().await + 1) % 3;
    cluster.seats[broken].disk.set_failing(true);
    cluster.node((broken + 1) % 3).propose(settings(3)).await.unwrap();
    let why = timeout(PATIENCE, cluster.node(broken).failed()).await.unwrap();
    assert!(why.contains("made to fail"), "{why}");
}
