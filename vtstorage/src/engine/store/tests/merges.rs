//! Merging keeps what is stored, and its index.

use super::super::testing::*;
use common::ids::TenantId;

#[tokio::test]
async fn small_flushes_become_few_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    for round in 0..40 {
        // Traces of a flush end with it.
        write(&engine, message("shop", spans(round * 30, 30, 3))).await.unwrap();
        engine.force_flush().await.unwrap();
    }
    while engine.stats().active_merges + engine.stats().pending_merges > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    engine.maintain().await.unwrap();
    let stats = engine.stats();
    assert!((1..16).contains(&stats.blocks), "{stats:?}");
    assert!((1..=6).contains(&stats.merges), "{stats:?}");
    assert_holds(&engine.view(), spans(0, 1_200, 3));
    assert_indexed(&engine, [0, 7, 399]);
    assert_sound(&engine);

    engine.force_merge().await.unwrap();
    assert_eq!(engine.stats().blocks, 1);
    assert_sound(&engine);
    let merges = engine.stats().merges;
    engine.force_merge().await.unwrap();
    assert_eq!(engine.stats().merges, merges, "there is nothing to merge");
    drop(engine);
    let engine = open(dir.path(), &[]);
    assert_holds(&engine.view(), spans(0, 1_200, 3));
    assert_indexed(&engine, [0, 7, 399]);
    assert_sound(&engine);
}

#[tokio::test]
async fn blocks_that_share_many_traces_are_joined_and_lose_repeated_spans() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    // A client that cuts its retry differently repeats spans.
    for (first, count) in [(0, 100), (50, 100)] {
        write(&engine, message("shop", spans(first, count, 5))).await.unwrap();
        engine.force_flush().await.unwrap();
    }
    while engine.stats().active_merges + engine.stats().pending_merges > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!((engine.stats().blocks, engine.stats().merges), (1, 1));
    assert_holds(&engine.view(), spans(0, 150, 5));
    assert_indexed(&engine, [0, 12, 29]);
    engine.maintain().await.unwrap();
    assert_sound(&engine);
}

#[tokio::test]
async fn a_view_outlives_the_blocks_that_it_has() {
    for headers in ["256MiB", "0"] {
        view_outlives_blocks(&format!("--storage.headerCacheBytes={headers}")).await;
    }
}

async fn view_outlives_blocks(flag: &str) {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[flag]);
    for round in 0..3 {
        write(&engine, message("shop", spans(round * 30, 30, 3))).await.unwrap();
        engine.force_flush().await.unwrap();
    }
    let old = engine.view();
    let ids = old.blocks().map(|block| block.id).collect::<Vec<_>>();
    engine.force_merge().await.unwrap();
    write(&engine, message("shop", spans(90, 30, 3))).await.unwrap();
    engine.force_flush().await.unwrap();
    engine.maintain().await.unwrap();
    assert_holds(&old, spans(0, 90, 3));
    let hash = trace_id(14).hash();
    let found = engine.blocks_of_trace(&old, TenantId(0), hash).unwrap();
    assert!(found.iter().all(|block| ids.contains(&block.id)));
    let has = |block: &std::sync::Arc<crate::engine::block::StoredBlock>| {
        let batches = block.open().unwrap().to_batches().unwrap();
        batches
            .iter()
            .any(|batch| batch.rows.iter().any(|row| row.hash == hash))
    };
    assert!(
        found.iter().any(has),
        "the index has forgotten this block, the view has not"
    );
    drop((old, found));
    engine.maintain().await.unwrap();
    assert_sound(&engine);
    assert_holds(&engine.view(), spans(0, 120, 3));
}

#[tokio::test]
async fn headers_are_kept_within_their_budget_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let unbounded = {
        let engine = open(dir.path(), &[]);
        for round in 0..6 {
            write(&engine, message("shop", spans(round * 30, 30, 3))).await.unwrap();
            engine.force_flush().await.unwrap();
        }
        engine.stats().header_bytes
    };
    let engine = open(dir.path(), &["--storage.headerCacheBytes=0"]);
    let view = engine.view();
    assert!(view.blocks().count() > 1);
    assert_holds(&view, spans(0, 180, 3));
    assert!(engine.stats().header_bytes < unbounded / 2);
    assert_sound(&engine);
}
