//! Bounds on memory, and when written batches are on the disk.

use super::super::environment::Environment;
use super::super::failpoint::{Failpoint, Failpoints};
use super::super::testing::*;
use super::Engine;
use common::contract::WriteError;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_are_refused_when_flushing_does_not_keep_up() {
    let dir = tempfile::tempdir().unwrap();
    let failpoints = Failpoints::failing(Failpoint::FlushSealed, 1);
    let engine = Engine::open_in(
        config(dir.path(), &["--storage.maxHeadBytes=100KB"]),
        Environment {
            failpoints,
            ..environment()
        },
    );
    let engine = engine.unwrap();
    let mut stored = 0;
    let refused = loop {
        match write(&engine, message("shop", spans(stored * 100, 100, 3))).await {
            Ok(()) => stored += 1,
            Err(e) => break e,
        }
    };
    assert!(matches!(refused, WriteError::Overloaded { .. }), "{refused}");
    assert!(engine.stats().head_bytes < 300_000, "{:?}", engine.stats());
    assert_holds(&engine.view(), spans(0, stored * 100, 3));
    drop(engine);
    let engine = open(dir.path(), &["--storage.maxHeadBytes=100KB"]);
    engine.force_flush().await.unwrap();
    assert_holds(&engine.view(), spans(0, stored * 100, 3));
    assert_eq!(engine.stats().head_bytes, 0);
    write(&engine, message("shop", spans(stored * 100, 100, 3)))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heads_are_written_as_blocks_when_they_are_full() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &["--storage.maxHeadBytes=200KB"]);
    let writers = (0..4u64).map(|writer| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for round in 0..25 {
                let first = (writer * 25 + round) * 100;
                while let Err(e) = write(&engine, message("shop", spans(first, 100, 3))).await {
                    assert!(matches!(e, WriteError::Overloaded { .. }), "{e}");
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert!(engine.stats().rows > 0, "nobody asked for a flush");
    assert_holds(&engine.view(), spans(0, 10_000, 3));
    engine.force_flush().await.unwrap();
    assert_holds(&engine.view(), spans(0, 10_000, 3));
}

#[tokio::test]
async fn heads_are_written_as_blocks_when_they_are_old() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &["--storage.flushInterval=1ms"]);
    write(&engine, message("shop", spans(0, 10, 3))).await.unwrap();
    while engine.stats().rows < 10 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_holds(&engine.view(), spans(0, 10, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_sync_keeps_what_was_acknowledged() {
    for sync in ["interval", "always", "off"] {
        let dir = tempfile::tempdir().unwrap();
        let flag = format!("--storage.walSync={sync}");
        let engine = open(dir.path(), &[&flag]);
        let writes = (0..10).map(|part| {
            let engine: Arc<Engine> = engine.clone();
            async move { write(&engine, message("shop", spans(part * 10, 10, 3))).await.unwrap() }
        });
        futures::future::join_all(writes).await;
        assert_holds(&engine.view(), spans(0, 100, 3));
        drop(engine);
        assert_holds(&open(dir.path(), &[&flag]).view(), spans(0, 100, 3));
    }
}
