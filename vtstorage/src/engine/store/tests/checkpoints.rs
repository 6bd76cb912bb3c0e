//! Copies of the data directory that are made while the store works.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering};

const PER_WRITE: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_has_all_that_was_acknowledged_before() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir.path().join("store"), &["--storage.maxHeadBytes=1MiB"]);
    let written = Arc::new(AtomicU64::new(0));
    let writing = tokio::spawn({
        let (engine, written) = (engine.clone(), written.clone());
        async move {
            loop {
                let first = written.load(Ordering::Acquire);
                write(&engine, message("shop", spans(first, PER_WRITE, 7)))
                    .await
                    .unwrap();
                written.store(first + PER_WRITE, Ordering::Release);
            }
        }
    });
    for copy in 0..3_u64 {
        while written.load(Ordering::Acquire) < (copy + 1) * 3_000 {
            tokio::task::yield_now().await;
        }
        let acknowledged = written.load(Ordering::Acquire);
        let path = dir.path().join(format!("copy-{copy}"));
        std::fs::create_dir(&path).unwrap();
        engine.checkpoint(path.join("data")).await.unwrap();
        let reopened = open(&path, &[]);
        assert_eq!(reopened.incarnation(), engine.incarnation());
        assert_sound(&reopened);
        let stats = reopened.stats();
        let held = stats.rows + stats.head_rows as u64;
        assert!(held >= acknowledged, "{held} of {acknowledged}");
        // Whole writes, in their order.
        assert_eq!(held % PER_WRITE, 0);
        assert_holds(&reopened.view(), spans(0, held, 7));
    }
    writing.abort();
    let stopped = writing.await.unwrap_err();
    assert!(stopped.is_cancelled(), "{stopped}");
}

#[tokio::test]
async fn a_copy_stays_when_the_store_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir.path().join("store"), &[]);
    write(&engine, message("shop", spans(0, 300, 7))).await.unwrap();
    engine.force_flush().await.unwrap();
    let copy = dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    engine.checkpoint(copy.join("data")).await.unwrap();
    assert!(
        engine.checkpoint(copy.join("data")).await.is_err(),
        "it is there already"
    );
    write(&engine, message("shop", spans(300, 300, 7))).await.unwrap();
    engine.force_flush().await.unwrap();
    engine.force_merge().await.unwrap();
    engine.shutdown().await.unwrap();
    assert!(
        engine.checkpoint(dir.path().join("late")).await.is_err(),
        "it is shut down"
    );
    drop(engine);
    std::fs::remove_dir_all(dir.path().join("store")).unwrap();
    assert_holds(&open(&copy, &[]).view(), spans(0, 300, 7));
}
