//! The replication factor is changed under load, up and down: copies are made and dropped, and no answer is wrong
//! meanwhile.

use super::joined::layout;
use super::under_load;
use serde_json::json;

#[test]
fn copies_are_made_and_dropped() {
    let _turn = under_load::turn();
    let mut cluster = layout().replication_factor(1).start();
    let load = under_load::load(42);
    under_load::run(&mut cluster, &load, |cluster| {
        load.wait_for_acknowledged(200);
        for factor in [2, 3, 2] {
            cluster.order("/cluster/settings", &json!({ "replication_factor": factor }));
            cluster.wait("new spans go to so many nodes", || {
                let slots = cluster.status("/cluster/slots");
                let mut slots = slots["slots"].as_array().into_iter().flatten();
                slots.all(|slot| slot["replicas"].as_array().map(Vec::len) == Some(factor))
            });
            cluster.wait_until_moved();
        }
    });
    load.check(&cluster.select[0]);
    cluster.wait_for_equal_digests();
    let copies: u64 = cluster.spans().iter().sum();
    assert_eq!(copies, 2 * load.stored_spans() as u64);
}
