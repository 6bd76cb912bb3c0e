//! The store as a whole, in temporary directories.

mod checkpoints;
mod crash;
mod limits;
mod merges;
mod partitions;
mod replicas;

use super::engine::Engine;
use super::testing::*;
use bytes::Bytes;
use common::contract::WriteError;
use common::ids::TenantId;
use std::sync::Arc;

#[tokio::test]
async fn spans_are_seen_at_once_and_after_a_flush_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    write(&engine, message("shop", spans(0, 500, 7))).await.unwrap();
    assert_holds(&engine.view(), spans(0, 500, 7));
    engine.force_flush().await.unwrap();
    assert_eq!((engine.stats().head_rows, engine.stats().rows), (0, 500));
    assert_holds(&engine.view(), spans(0, 500, 7));
    write(&engine, message("shop", spans(500, 200, 7))).await.unwrap();
    assert_holds(&engine.view(), spans(0, 700, 7));
    assert_indexed(&engine, [0, 50, 71, 5_000]);
    drop(engine);

    let engine = open(dir.path(), &[]);
    assert_holds(&engine.view(), spans(0, 700, 7));
    assert_eq!((engine.stats().head_rows, engine.stats().rows), (200, 500));
    engine.force_flush().await.unwrap();
    assert_holds(&engine.view(), spans(0, 700, 7));
    assert_indexed(&engine, [0, 50, 71, 5_000]);
    drop(engine);
    let engine = open(dir.path(), &[]);
    assert_eq!(engine.stats().head_rows, 0, "nothing is left in the log");
    assert_sound(&engine);
    assert_holds(&engine.view(), spans(0, 700, 7));
    let partition = engine.view().partitions().next().unwrap().clone();
    assert_eq!(partition.day, TODAY);
    assert_eq!(partition.catalogue.services(TenantId(0)), ["shop".into()]);
    assert_eq!(partition.catalogue.names(TenantId(0), "shop").len(), 5);
    assert_eq!(partition.catalogue.services(TenantId(1)), []);
}

#[tokio::test]
async fn an_orderly_end_refuses_writes_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    write(&engine, message("shop", spans(0, 10, 2))).await.unwrap();
    engine.shutdown().await.unwrap();
    let refused = write(&engine, message("shop", spans(10, 10, 2))).await;
    assert!(matches!(refused, Err(WriteError::Unavailable(_))), "{refused:?}");
    assert!(engine.force_flush().await.is_err() && engine.force_merge().await.is_err());
    assert_holds(&engine.view(), spans(0, 10, 2));
    drop(engine);
    assert_holds(&open(dir.path(), &[]).view(), spans(0, 10, 2));
}

#[tokio::test]
async fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let second = Engine::open_in(config(dir.path(), &[]), environment());
    assert!(second.unwrap_err().to_string().contains("in use"));
    let view = engine.view();
    let incarnation = engine.incarnation();
    drop(engine);
    drop(view);
    assert_eq!(open(dir.path(), &[]).incarnation(), incarnation);
}

#[tokio::test]
async fn what_is_not_otlp_is_invalid_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let refused = write(&engine, Bytes::from_static(&[0xff; 20])).await;
    assert!(matches!(refused, Err(WriteError::Invalid(_))), "{refused:?}");
    write(&engine, Bytes::new()).await.unwrap();
    let old = spans(0, 1, 1).map(|s| TestSpan {
        start: common::time::UnixNanos(1),
        ..s
    });
    let refused = write(&engine, message("shop", old)).await;
    assert!(matches!(refused, Err(WriteError::Invalid(_))), "{refused:?}");
    assert_eq!((engine.stats().head_rows, engine.stats().wal_bytes), (0, 0));
}

#[tokio::test]
async fn a_repeated_request_is_stored_once_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let otlp = message("shop", spans(0, 10, 2));
    for _ in 0..3 {
        write(&engine, otlp.clone()).await.unwrap();
    }
    assert_holds(&engine.view(), spans(0, 10, 2));
    engine.force_flush().await.unwrap();
    write(&engine, otlp.clone()).await.unwrap();
    assert_holds(&engine.view(), spans(0, 10, 2));
    drop(engine);
    let engine = open(dir.path(), &[]);
    write(&engine, otlp).await.unwrap();
    assert_holds(&engine.view(), spans(0, 10, 2));
    assert_eq!(engine.stats().seen_requests, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn identical_requests_at_the_same_time_are_stored_once() {
    for flags in [&[][..], &["--storage.walSync=always"]] {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path(), flags);
        for round in 0..20 {
            let otlp = message("shop", spans(round * 100, 100, 3));
            let writers = (0..8).map(|_| {
                let (engine, otlp) = (engine.clone(), otlp.clone());
                tokio::spawn(async move {
                    write(&engine, otlp).await.unwrap();
                    engine.view().batches().map(|b| b.batch.rows.len()).sum::<usize>()
                })
            });
            for rows in futures::future::join_all(writers).await {
                assert_eq!(
                    rows.unwrap() as u64,
                    (round + 1) * 100,
                    "acknowledged before it was stored"
                );
            }
        }
        assert_holds(&engine.view(), spans(0, 2_000, 3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_view_has_a_span_twice_or_lacks_one_while_flushing_and_merging() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let acknowledged = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let writer = {
        let (engine, acknowledged) = (engine.clone(), acknowledged.clone());
        tokio::spawn(async move {
            for round in 0..60 {
                write(&engine, message("shop", spans(round * 50, 50, 7))).await.unwrap();
                acknowledged.store((round + 1) * 50, std::sync::atomic::Ordering::SeqCst);
                if round % 3 == 0 {
                    engine.force_flush().await.unwrap();
                }
                if round % 20 == 10 {
                    engine.force_merge().await.unwrap();
                }
            }
        })
    };
    let reader = {
        let (engine, acknowledged) = (engine.clone(), acknowledged.clone());
        tokio::task::spawn_blocking(move || {
            let mut looks = 0;
            while !writer.is_finished() {
                let at_least = acknowledged.load(std::sync::atomic::Ordering::SeqCst);
                let counts = counts(&engine.view());
                assert!(counts.values().all(|n| *n == 1));
                assert!(counts.len() as u64 >= at_least, "{} of {at_least}", counts.len());
                looks += 1;
            }
            looks
        })
    };
    assert!(reader.await.unwrap() > 0);
    engine.force_merge().await.unwrap();
    assert_holds(&engine.view(), spans(0, 3_000, 7));
    assert_indexed(&engine, [0, 100, 300]);
    assert_sound(&engine);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn small_requests_share_batches() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let writers = (0..4u64).map(|writer| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for round in 0..150 {
                write(&engine, message("shop", spans(writer * 300 + round * 2, 2, 3)))
                    .await
                    .unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let batches = engine.view().batches().count();
    assert!(batches < 128 + 8, "{batches}");
    assert_holds(&engine.view(), spans(0, 1_200, 3));
    drop(engine);
    let engine = open(dir.path(), &[]);
    assert!(engine.view().batches().count() < 128 + 8);
    assert_holds(&engine.view(), spans(0, 1_200, 3));
    engine.force_flush().await.unwrap();
    assert_holds(&engine.view(), spans(0, 1_200, 3));
    assert_eq!(engine.stats().head_bytes, 0);
    assert_eq!(engine.shared.live.held_bytes(), 0);
}
