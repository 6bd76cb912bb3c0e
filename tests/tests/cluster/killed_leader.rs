//! The leader of the metadata is killed: another one leads soon, and spans flow on meanwhile.

use super::under_load;
use tests::cluster::Layout;

#[test]
fn another_node_leads_and_spans_flow_on() {
    let _turn = under_load::turn();
    let mut cluster = Layout::default().start();
    let load = under_load::load(3);
    under_load::run(&mut cluster, &load, |cluster| {
        let first = cluster.leader().expect("a leader");
        cluster.storage[first].kill();
        cluster.wait("another node leads", || {
            cluster.leader().is_some_and(|leader| leader != first)
        });
        load.wait_for_acknowledged(load.acknowledged() + 100);
        cluster.storage[first].start_again();
        cluster.wait_in_sync();
    });
    load.check(&cluster.select[0]);
    cluster.wait_for_equal_digests();
}
