//! Storage nodes are restarted one by one, each when all are in sync, as a rolling upgrade does.

use super::under_load;
use tests::cluster::Layout;

#[test]
fn no_export_fails_and_reads_stay_complete() {
    let _turn = under_load::turn();
    let mut cluster = Layout::default().start();
    let load = under_load::load(5);
    under_load::run(&mut cluster, &load, |cluster| {
        for node in 0..cluster.storage.len() {
            let led = cluster.leader() == Some(node);
            assert!(
                cluster.storage[node].stop().success(),
                "{}",
                cluster.storage[node].log()
            );
            // A leader is gone only when another one leads, to which it has left the lead.
            let log = cluster.storage[node].log();
            assert!(!led || log.contains("another node leads"), "{log}");
            let others = cluster.storage.iter().filter_map(|node| node.try_get("/cluster/raft"));
            let leads = others.filter(|(_, view)| view.contains(r#""is_leader":true"#)).count();
            assert_eq!(leads, 1, "{}", cluster.storage[node].log());
            load.wait_for_acknowledged(load.acknowledged() + 50);
            cluster.storage[node].start_again();
            cluster.wait_in_sync();
        }
    });
    load.check(&cluster.select[0]);
    cluster.wait_for_equal_digests();
}
