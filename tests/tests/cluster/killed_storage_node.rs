//! A storage node is killed, comes back, catches up; then another one is.

use super::under_load;
use tests::cluster::Layout;

#[test]
fn nothing_is_lost_and_reads_stay_complete() {
    let _turn = under_load::turn();
    let mut cluster = Layout::default().start();
    let mut loads = Vec::new();
    for node in 0..2 {
        let (away, back) = (under_load::load(10 + node), under_load::load(20 + node));
        let node = usize::from(node);
        under_load::run(&mut cluster, &away, |cluster| {
            cluster.storage[node].kill();
            away.wait_for_acknowledged(away.acknowledged() + 200);
        });
        under_load::run(&mut cluster, &back, |cluster| {
            cluster.storage[node].start_again();
            cluster.wait_in_sync();
        });
        loads.extend([away, back]);
        loads.iter().for_each(|load| load.check(&cluster.select[0]));
        cluster.wait_for_equal_digests();
    }
}

#[test]
fn without_replicas_its_slots_are_missed_and_it_is_said_so() {
    let _turn = under_load::turn();
    let mut cluster = Layout::default().replication_factor(1).start();
    let load = under_load::load(2);
    under_load::run(&mut cluster, &load, |_| {});
    load.check(&cluster.select[0]);
    cluster.storage[0].kill();
    let service = load.service();
    cluster.wait("searches say that they are partial", || {
        cluster.select[0].is_partial(&format!("/select/jaeger/api/traces?service={service}&limit=10"))
    });
    let (status, body) = cluster.select[0].get(&load.count_path("stats_query"));
    assert_eq!(status, 502, "a number must be right: {body}");
    cluster.storage[0].start_again();
    cluster.wait("its slots are read again", || {
        cluster.select[0].get(&load.count_path("stats_query")).0 == 200
    });
    load.check(&cluster.select[0]);
}
