//! A node is drained under load: all that it holds goes to the others, and then it is no member any more.

use super::joined::{assert_even, layout};
use super::under_load;
use serde_json::json;
use tests::cluster::Layout;

#[test]
fn the_others_take_all_and_the_node_leaves() {
    let _turn = under_load::turn();
    let layout = Layout { storage: 4, ..layout() };
    let mut cluster = layout.start();
    let load = under_load::load(40);
    under_load::run(&mut cluster, &load, |cluster| {
        load.wait_for_acknowledged(400);
        let addr = cluster.storage[3].http_addr().to_string();
        cluster.order("/cluster/drain", &json!({ "node": addr }));
        cluster.wait("the node has left", || {
            let members = cluster.status("/cluster/members");
            members["members"].as_array().is_some_and(|members| members.len() == 3)
        });
        cluster.storage.truncate(3);
        cluster.wait_until_moved();
    });
    load.check(&cluster.select[0]);
    cluster.wait_for_equal_digests();
    assert_even(&cluster);
}
