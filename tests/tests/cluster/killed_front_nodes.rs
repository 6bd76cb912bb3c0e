//! Insert and select nodes are killed: they hold no state, and clients go on with the others.

use super::under_load;
use tests::cluster::Layout;

#[test]
fn clients_go_on_with_the_others() {
    let _turn = under_load::turn();
    let mut cluster = Layout::default().front_nodes(2).start();
    let load = under_load::load(4);
    under_load::run(&mut cluster, &load, |cluster| {
        for node in 0..2 {
            cluster.insert[node].kill();
            cluster.select[node].kill();
            load.wait_for_acknowledged(load.acknowledged() + 100);
            cluster.insert[node].start_again();
            cluster.select[node].start_again();
            // An exporter in its pause before the retry finds the node that is back.
            load.wait_for_acknowledged(load.acknowledged() + 100);
        }
    });
    for select in &cluster.select {
        load.check(select);
    }
}
