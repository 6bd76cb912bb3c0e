//! The cluster in the node's metrics.

use super::status::under_replicated;
use crate::cluster::ClusterNode;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Sets the gauges again and again.
pub(super) async fn keep(cluster: Arc<ClusterNode>) {
    describe();
    loop {
        set(&cluster);
        sleep(LOOK).await;
    }
}

fn describe() {
    describe_gauge!("vt_raft_is_leader", "1 while this node leads the cluster's consensus");
    describe_gauge!("vt_raft_term", "Term of the consensus");
    describe_gauge!("vt_raft_has_leader", "1 while this node knows a leader");
    describe_gauge!("vt_raft_applied_index", "Last entry of the log that is applied here");
    describe_gauge!(
        "vt_cluster_version",
        "Version of the cluster's state that is applied here"
    );
    describe_gauge!("vt_cluster_epoch", "Placement epoch that is applied here");
    describe_gauge!("vt_cluster_members", "Members of the cluster");
    describe_gauge!("vt_cluster_live_members", "Members that the leader has heard of lately");
    describe_gauge!(
        "vt_cluster_out_of_sync_members",
        "Members with a mark: they miss something"
    );
    describe_gauge!(
        "vt_cluster_under_replicated_slots",
        "Slots with fewer copies in sync than the replication factor asks for"
    );
    describe_gauge!(
        "vt_cluster_in_sync",
        "1 while this node has no mark and holds a read lease"
    );
    describe_gauge!("vt_cluster_lease_seconds", "What is left of this node's read lease");
    describe_counter!(
        "vt_unreadable_blocks_total",
        "Blocks that a query had to leave out because they cannot be read"
    );
    counter!("vt_unreadable_blocks_total").increment(0);
}

fn set(cluster: &ClusterNode) {
    let view = cluster.consensus();
    gauge!("vt_raft_is_leader").set(f64::from(u8::from(view.is_leader)));
    gauge!("vt_raft_has_leader").set(f64::from(u8::from(view.leader.is_some())));
    gauge!("vt_raft_term").set(view.term as f64);
    gauge!("vt_raft_applied_index").set(view.applied.unwrap_or(0) as f64);
    gauge!("vt_cluster_live_members").set(cluster.live().len() as f64);
    gauge!("vt_cluster_in_sync").set(f64::from(u8::from(cluster.in_sync())));
    gauge!("vt_cluster_lease_seconds").set(cluster.lease().unwrap_or_default().as_secs_f64());
    let Some(state) = cluster.state() else { return };
    let marked = state.members.values().filter(|member| !member.in_sync());
    gauge!("vt_cluster_version").set(state.version as f64);
    gauge!("vt_cluster_epoch").set(f64::from(state.epoch.0));
    gauge!("vt_cluster_members").set(state.members.len() as f64);
    gauge!("vt_cluster_out_of_sync_members").set(marked.count() as f64);
    gauge!("vt_cluster_under_replicated_slots").set(under_replicated(&state) as f64);
}
