//! The data of a node of its own become a cluster with two copies of each span, by joins alone.

use super::joined::layout;
use super::under_load;
use tests::cluster::Layout;
use tests::process::{Options, Program};

#[test]
fn a_node_of_its_own_becomes_a_cluster() {
    let _turn = under_load::turn();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let old = under_load::load(43);
    let mut single = Options::of(Program::Single).data_dir(dir.path()).start();
    old.run(0, &single.url(""), 200);
    assert!(single.stop().success(), "{}", single.log());
    let one = Layout {
        storage: 1,
        first_data: Some(dir.path().to_owned()),
        ..layout()
    };
    let mut cluster = one.clone().start();
    old.check(&cluster.select[0]);
    let load = under_load::load(44);
    under_load::run(&mut cluster, &load, |cluster| {
        for _ in 0..2 {
            cluster.join(&one);
            cluster.wait_in_sync();
        }
        cluster.wait_until_moved();
    });
    for load in [&old, &load] {
        load.check(&cluster.select[0]);
    }
    cluster.wait_for_equal_digests();
    let copies: u64 = cluster.spans().iter().sum();
    assert_eq!(copies, 2 * (old.stored_spans() + load.stored_spans()) as u64);
}
