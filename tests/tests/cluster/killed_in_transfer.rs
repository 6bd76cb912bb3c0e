//! Nodes are killed while spans are moved: the target, a source, the leader. What was begun is finished or begun anew,
//! and no span is lost or doubled at any moment.

use super::joined::layout;
use super::under_load;
use tests::cluster::{Cluster, Layout};

/// So slow that kills come in between.
fn slow() -> Layout {
    let mut layout = layout();
    layout
        .storage_flags
        .push("--cluster.transferBytesPerSecond=20KiB".to_owned());
    layout.storage_flags.push("--cluster.transferSlots=32".to_owned());
    layout
}

/// Waits until a transfer to the node that joined last is under way.
fn wait_for_transfer(cluster: &Cluster) {
    cluster.wait("a transfer is under way", || {
        let transfers = cluster.status("/cluster/transfers");
        let mut running = transfers["transfers"].as_array().into_iter().flatten();
        running.any(|transfer| transfer["attempt"].as_u64() > Some(0))
    });
}

fn survives(tag: u16, victim: impl Fn(&Cluster) -> usize) {
    let _turn = under_load::turn();
    let layout = slow();
    let mut cluster = layout.clone().start();
    let load = under_load::load(tag);
    under_load::run(&mut cluster, &load, |cluster| {
        load.wait_for_acknowledged(200);
        cluster.join(&layout);
        wait_for_transfer(cluster);
        let victim = victim(cluster);
        cluster.storage[victim].kill();
        load.wait_for_acknowledged(load.acknowledged() + 50);
        cluster.storage[victim].start_again();
        cluster.wait_in_sync();
        cluster.wait_until_moved();
    });
    load.check(&cluster.select[0]);
    cluster.wait_for_equal_digests();
}

#[test]
fn the_target_is_killed() {
    survives(45, |_| 3);
}

#[test]
fn a_source_is_killed() {
    survives(46, |cluster| {
        let transfers = cluster.status("/cluster/transfers");
        let members = cluster.status("/cluster/members");
        let from = &transfers["transfers"][0]["from"];
        let mut all = members["members"].as_array().into_iter().flatten();
        let source = all
            .find(|member| member["id"] == *from)
            .map(|member| member["addr"].clone());
        let addr = |node: &tests::process::Server| node.http_addr().to_string();
        let place = cluster
            .storage
            .iter()
            .position(|node| source == Some(addr(node).into()));
        place.unwrap_or(0)
    });
}

#[test]
fn the_leader_is_killed() {
    survives(47, |cluster| cluster.leader().expect("a leader"));
}
