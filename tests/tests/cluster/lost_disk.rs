//! A storage node loses its disk, with all that it knew of the cluster: it comes back as another node, at the same
//! address, and is refilled from the replicas.

use super::joined::layout;
use super::under_load;

#[test]
fn a_node_that_lost_all_is_refilled() {
    let _turn = under_load::turn();
    let mut cluster = layout().start();
    let load = under_load::load(41);
    under_load::run(&mut cluster, &load, |cluster| {
        load.wait_for_acknowledged(300);
        let before = cluster.spans()[1];
        cluster.storage[1].kill();
        cluster.storage[1].lose_disk();
        load.wait_for_acknowledged(load.acknowledged() + 100);
        cluster.storage[1].start_again();
        cluster.wait_in_sync();
        cluster.wait_until_moved();
        assert!(cluster.spans()[1] >= before);
    });
    load.check(&cluster.select[0]);
    cluster.wait_for_equal_digests();
}
