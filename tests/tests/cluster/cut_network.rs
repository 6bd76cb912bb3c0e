//! The network between the storage nodes is cut, two against one: the larger side goes on, the smaller one knows that it
//! is behind, and when the network is mended it catches up by itself.

use super::under_load;
use tests::cluster::{Cluster, Layout};
use tests::netns::Network;

const HOSTS: u8 = 4;
/// The host of the third storage node and of the second select node.
const CUT: u8 = 2;
/// Three storage nodes, an insert node, two select nodes.
const PLACES: [u8; 6] = [0, 1, CUT, 3, 3, CUT];

fn start(network: &Network) -> Cluster {
    let layout = Layout {
        select: 2,
        ..Layout::default()
    };
    layout.start_on(network, &PLACES)
}

/// In a thread of its own, which moves to another network namespace.
fn in_network(test: impl FnOnce(&Network) + Send + 'static) {
    let thread = std::thread::spawn(|| {
        if let Some(network) = Network::new(HOSTS) {
            test(&network);
        }
    });
    thread.join().expect("the test");
}

#[test]
fn the_larger_side_goes_on_and_the_smaller_one_catches_up() {
    let _turn = under_load::turn();
    in_network(|network| {
        let mut cluster = start(network);
        let load = under_load::load(6);
        under_load::run(&mut cluster, &load, |_| {
            network.cut(CUT);
            load.wait_for_acknowledged(load.acknowledged() + 200);
        });
        load.check(&cluster.select[0]);
        network.mend(CUT);
        cluster.wait_in_sync();
        cluster.wait_for_equal_digests();
        load.check(&cluster.select[1]);
    });
}

#[test]
fn a_select_node_on_the_smaller_side_gives_no_short_answer_as_a_complete_one() {
    let _turn = under_load::turn();
    in_network(|network| {
        let mut cluster = start(network);
        let load = under_load::load(7);
        under_load::run(&mut cluster, &load, |_| {});
        network.cut(CUT);
        let path = format!("/select/jaeger/api/traces?service={}&limit=10", load.service());
        let ask = |path: &str| network.on(CUT, || cluster.select[1].get(path));
        cluster.wait("its answers are marked", || {
            network.on(CUT, || cluster.select[1].is_partial(&path))
        });
        let (status, body) = ask(&load.count_path("stats_query"));
        assert_eq!(status, 502, "a number must be right: {body}");
    });
}
