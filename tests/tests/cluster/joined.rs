//! A node joins under load: what it is to hold comes to it while spans flow and are counted, and in the end all nodes
//! hold about as much.

use super::under_load;
use tests::cluster::{Cluster, Layout};

/// Placements become old soon, so that tests need not wait for long.
pub fn layout() -> Layout {
    let flags = ["--cluster.epochGrace=1s", "--cluster.transferSlots=128"];
    Layout {
        storage_flags: flags.map(str::to_owned).into(),
        ..Layout::default()
    }
}

/// Each node holds about the same number of spans.
pub fn assert_even(cluster: &Cluster) {
    let spans = cluster.spans();
    let mean = spans.iter().sum::<u64>() as f64 / spans.len() as f64;
    let is_even = |spans: &u64| (*spans as f64 / mean - 1.0).abs() < 0.15;
    assert!(spans.iter().all(is_even), "{spans:?}");
}

#[test]
fn a_fourth_node_takes_its_share() {
    let _turn = under_load::turn();
    let layout = layout();
    let mut cluster = layout.clone().start();
    let before = under_load::load(30);
    under_load::run(&mut cluster, &before, |_| before.wait_for_acknowledged(600));
    let load = under_load::load(31);
    under_load::run(&mut cluster, &load, |cluster| {
        cluster.join(&layout);
        cluster.wait_in_sync();
        load.wait_for_acknowledged(load.acknowledged() + 100);
        cluster.wait_until_moved();
    });
    for load in [&before, &load] {
        load.check(&cluster.select[0]);
    }
    cluster.wait_for_equal_digests();
    assert_even(&cluster);
}
