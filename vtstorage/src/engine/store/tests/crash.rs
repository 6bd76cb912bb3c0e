//! The store is stopped at each of its steps, and opened again.

use super::super::environment::Environment;
use super::super::failpoint::{Failpoint, Failpoints};
use super::super::keys;
use super::super::rocks;
use super::super::testing::{counts as recount, *};
use super::Engine;
use common::ids::SpanId;
use common::time::{NANOS_PER_DAY, TimeRange, UnixNanos};
use rocksdb::WriteBatch;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What was written until a step stopped the store.
#[derive(Default)]
struct Work {
    acknowledged: Vec<TestSpan>,
    tried: Vec<TestSpan>,
    /// The older of the two days had blocks when it grew too old
    may_be_dropped: bool,
}

/// Writes on two days, flushes, merges and drops a day, until a step stops it.
async fn work(dir: &Path, failpoints: Failpoints, logged_block: usize) -> Work {
    let now = Arc::new(AtomicU64::new(noon().0));
    let clock = now.clone();
    let environment = Environment {
        failpoints,
        logged_block,
        now: Arc::new(move || UnixNanos(clock.load(Ordering::SeqCst))),
        ..environment()
    };
    let Ok(engine) = Engine::open_in(config(dir, &[]), environment) else {
        return Work::default();
    };
    let mut work = Work::default();
    for round in 0..6u64 {
        let batch = spans(round * 40, 40, 3).map(|s| match s.trace % 4 {
            0 => TestSpan {
                start: UnixNanos(s.start.0 - 5 * NANOS_PER_DAY),
                ..s
            },
            _ => s,
        });
        let batch = batch.collect::<Vec<_>>();
        work.tried.extend(&batch);
        if write(&engine, message("shop", batch.clone())).await.is_ok() {
            work.acknowledged.extend(batch);
        }
        if round % 2 == 1 && engine.force_flush().await.is_err() {
            break;
        }
    }
    let _ = engine.force_merge().await;
    let _ = engine.maintain().await;
    work.may_be_dropped = engine.view().partitions().any(|p| p.day == TODAY - 5);
    // Four days later the first of the two days is too old, the second is not.
    now.store(noon().0 + 4 * NANOS_PER_DAY, Ordering::SeqCst);
    let _ = engine.maintain().await;
    let _ = engine.maintain().await;
    work
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_whatever_the_step() {
    for point in Failpoint::ALL {
        for (hits, logged_block) in [(1, 0), (1, usize::MAX), (4, 0)] {
            let dir = tempfile::tempdir().unwrap();
            let failpoints = Failpoints::failing(*point, hits);
            let work = work(dir.path(), failpoints.clone(), logged_block).await;
            let label = format!(
                "{} at hit {hits}, blocks below {logged_block} bytes logged",
                point.name()
            );
            assert!(failpoints.fired() || hits > 1, "{label} is never reached");
            let mut dropped = work.may_be_dropped;
            for round in 0..2 {
                let engine = open(dir.path(), &[]);
                let counts = counts(&engine.view());
                assert!(counts.values().all(|n| *n == 1), "{label}: a span is there twice");
                let id = |s: &TestSpan| (trace_id(s.trace), SpanId((s.span + 1).to_be_bytes()));
                let days = engine.view().partitions().map(|p| p.day).collect::<Vec<_>>();
                // At noon of that day again: what is left of the day in the log makes it anew.
                dropped &= round > 0 || !days.contains(&(TODAY - 5));
                for span in work
                    .acknowledged
                    .iter()
                    .filter(|s| !(dropped && s.start.day() == TODAY - 5))
                {
                    assert!(
                        counts.contains_key(&id(span)),
                        "{label}: span {span:?} is lost; days {days:?}"
                    );
                }
                let known = work.tried.iter().map(id).collect::<BTreeSet<_>>();
                assert!(
                    counts.keys().all(|id| known.contains(id)),
                    "{label}: a span that nobody wrote"
                );
                assert_sound(&engine);
                assert_indexed(&engine, [0, 1, 4, 40]);
                if round == 0 {
                    engine.force_flush().await.unwrap();
                    engine.force_merge().await.unwrap();
                    assert_eq!(recount(&engine.view()), counts, "{label}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    for part in 0..3 {
        write(&engine, message("shop", spans(part * 10, 10, 2))).await.unwrap();
    }
    let rocks = engine.shared.rocks.clone();
    let mut batch = WriteBatch::default();
    batch.put_cf(&rocks.family(rocks::WAL).unwrap(), keys::sequence(2), b"\x01nonsense");
    rocks.write(batch).unwrap();
    drop((engine, rocks));
    for _ in 0..2 {
        let engine = open(dir.path(), &[]);
        assert_holds(&engine.view(), spans(0, 10, 2).chain(spans(20, 10, 2)));
        assert_eq!(
            entries(&engine, rocks::QUARANTINE),
            [(2u64.to_be_bytes().to_vec(), b"\x01nonsense".to_vec())]
        );
        assert_sound(&engine);
        assert!(engine.lacks_damaged(TimeRange::ALL, None));
    }
    let engine = open(dir.path(), &[]);
    write(&engine, message("shop", spans(30, 10, 2))).await.unwrap();
    engine.force_flush().await.unwrap();
    assert_holds(&engine.view(), spans(0, 10, 2).chain(spans(20, 20, 2)));
}

#[tokio::test]
async fn a_block_whose_header_cannot_be_read_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    for part in 0..2 {
        write(&engine, message("shop", spans(part * 10, 10, 2))).await.unwrap();
        engine.force_flush().await.unwrap();
    }
    let block = engine.view().blocks().next().unwrap().clone();
    let rocks = engine.shared.rocks.clone();
    let index = super::super::partition::Partition::new(TODAY).index;
    let mut batch = WriteBatch::default();
    batch.put_cf(
        &rocks.family(&index).unwrap(),
        keys::header(block.id).unwrap(),
        [1, 0, 0, 0, 9, 9],
    );
    rocks.write(batch).unwrap();
    drop((engine, rocks, block));
    let engine = open(dir.path(), &[]);
    assert_holds(&engine.view(), spans(10, 10, 2));
    let (day_before, today) = (UnixNanos(noon().0 - NANOS_PER_DAY), noon());
    assert!(engine.lacks_damaged(TimeRange::ALL, None));
    assert!(engine.lacks_damaged(TimeRange::new(today, today), None));
    assert!(!engine.lacks_damaged(TimeRange::new(day_before, day_before), None));
    write(&engine, message("shop", spans(20, 10, 2))).await.unwrap();
    engine.force_flush().await.unwrap();
    assert_holds(&engine.view(), spans(10, 20, 2));
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    write(&engine, message("shop", spans(0, 10, 2))).await.unwrap();
    engine.force_flush().await.unwrap();
    drop(engine);
    let format = dir.path().join("data/format");
    let text = std::fs::read_to_string(&format).unwrap();
    std::fs::write(&format, "vtstorage format 7\n").unwrap();
    let refused = Engine::open_in(config(dir.path(), &[]), environment())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("version 7") && refused.contains("newer"), "{refused}");
    std::fs::write(&format, text).unwrap();
    assert_holds(&open(dir.path(), &[]).view(), spans(0, 10, 2));
}
