//! Bits flip in the files of a storage node: it notices, serves the rest, and fetches what it lost from its replicas.

use super::joined::layout;
use super::under_load;
use std::path::{Path, PathBuf};
use tests::cluster::Cluster;

/// Between two bytes that are changed.
const STEP: usize = 48 << 10;

#[test]
fn damaged_blocks_are_found_and_repaired() {
    let _turn = under_load::turn();
    let mut layout = layout();
    layout.storage_flags.push("--storage.scrubBytesPerSecond=100MiB".into());
    let mut cluster = layout.start();
    let load = under_load::load(43);
    under_load::run(&mut cluster, &load, |cluster| {
        load.wait_for_acknowledged(600);
        let (status, answer) = cluster.storage[1].post("/internal/force_flush", "text/plain", b"");
        assert_eq!(status, 200, "{answer}");
        let before = cluster.spans()[1];
        cluster.storage[1].kill();
        damage(cluster.storage[1].data_dir());
        cluster.storage[1].start_again();
        // Each count that the load takes meanwhile is complete.
        wait_until_repaired(cluster, 1);
        cluster.wait_in_sync();
        assert!(cluster.spans()[1] >= before);
    });
    load.check(&cluster.select[0]);
    cluster.wait_for_equal_digests();
}

fn wait_until_repaired(cluster: &Cluster, node: usize) {
    let metric = |name: &str| cluster.storage[node].metric(name);
    cluster.wait("damage is found", || metric("vt_damaged_blocks_total") > Some(0.0));
    cluster.wait("damage is repaired", || metric("vt_damaged_blocks") == Some(0.0));
    assert!(metric("vt_repaired_blocks_total") > Some(0.0));
    assert!(metric("vt_refilled_spans_total") > Some(0.0));
}

/// Changes bytes in the largest file of RocksDB, which has spans, where these lie.
fn damage(data_dir: &Path) {
    let size = |path: &PathBuf| path.metadata().expect("a size").len();
    let files = std::fs::read_dir(data_dir.join("data")).expect("the data directory");
    let files = files.map(|file| file.expect("an entry").path());
    let tables = files.filter(|path| path.extension().is_some_and(|extension| extension == "sst"));
    let path = tables.max_by_key(size).expect("files with spans");
    let mut bytes = std::fs::read(&path).expect("a file");
    let spans = bytes.len() / 10 * 6;
    let changed = bytes[..spans].iter_mut().skip(STEP / 8).step_by(STEP);
    changed.for_each(|byte| *byte ^= 0x10);
    std::fs::write(&path, bytes).expect("a file that can be written");
}
