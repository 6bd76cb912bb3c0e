//! Writes of a cluster: slot by slot, under placement epochs.

use super::super::environment::Environment;
use super::super::failpoint::{Failpoint, Failpoints};
use super::super::testing::*;
use super::super::view::View;
use super::Engine;
use common::cluster::{Placement, PlacementEntry, ReplicaWrite, RequestPart, Slot, SlotSet};
use common::contract::{SpanSink, WriteError};
use common::ids::{Epoch, RequestId, TenantId};
use common::time::{NANOS_PER_DAY, UnixNanos};
use std::collections::BTreeMap;

const SLOTS: u16 = 16;

fn slot_of(span: &TestSpan) -> Slot {
    Slot::of(trace_id(span.trace), SLOTS)
}

fn slots(range: std::ops::Range<u16>) -> SlotSet {
    range.map(Slot).collect()
}

fn within(spans: impl IntoIterator<Item = TestSpan>, slots: &SlotSet) -> Vec<TestSpan> {
    spans.into_iter().filter(|span| slots.contains(slot_of(span))).collect()
}

/// A message of parts: of each the request, the spans of all of it, and the slots that are in the message.
fn replica<S>(epoch: u32, parts: impl IntoIterator<Item = (u128, S, SlotSet)>) -> ReplicaWrite
where
    S: IntoIterator<Item = TestSpan>,
{
    let (mut otlp, mut named) = (Vec::new(), Vec::new());
    for (id, spans, slots) in parts {
        let part = message("shop", within(spans, &slots));
        named.push(RequestPart {
            id: RequestId(id),
            slots,
            bytes: part.len() as u32,
        });
        otlp.extend_from_slice(&part);
    }
    ReplicaWrite {
        tenant: TenantId(0),
        epoch: Epoch(epoch),
        parts: named,
        length: otlp.len() as u32,
        payload: zstd::bulk::compress(&otlp, -3).unwrap().into(),
        compressed: true,
    }
}

async fn store(engine: &Engine, write: &ReplicaWrite) -> Result<(), WriteError> {
    engine.write_replica(write.clone(), SLOTS, &Placement::default()).await
}

fn rows_by_epoch(view: &View) -> BTreeMap<u32, u32> {
    let mut rows = BTreeMap::new();
    for head in view.batches() {
        *rows.entry(head.batch.epoch.0).or_default() += head.batch.rows.len() as u32;
    }
    for block in view.blocks() {
        *rows.entry(block.epoch().0).or_default() += block.summary.rows;
    }
    rows
}

#[tokio::test]
async fn epochs_stay_apart_in_heads_blocks_and_merges() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let mut rows = BTreeMap::new();
    for round in 0..12u64 {
        let epoch = (round % 3) as u32;
        // The same traces in all epochs: merges want to bring them together.
        let batch = spans(round * 10, 10, 1).map(|s| TestSpan {
            trace: s.span % 10,
            ..s
        });
        let write = replica(epoch, [(u128::from(round), batch, SlotSet::all(SLOTS))]);
        store(&engine, &write).await.unwrap();
        *rows.entry(epoch).or_default() += 10;
        if round % 4 == 3 {
            engine.force_flush().await.unwrap();
        }
        assert_eq!(rows_by_epoch(&engine.view()), rows);
    }
    engine.force_merge().await.unwrap();
    assert_eq!(rows_by_epoch(&engine.view()), rows);
    assert_eq!(engine.view().blocks().count(), 3, "one block of each epoch");
    let all = spans(0, 120, 1).map(|s| TestSpan {
        trace: s.span % 10,
        ..s
    });
    assert_holds(&engine.view(), all.clone());
    drop(engine);
    let engine = open(dir.path(), &[]);
    assert_eq!(rows_by_epoch(&engine.view()), rows);
    assert_holds(&engine.view(), all);
    assert_sound(&engine);
}

/// Half of the slots have other owners from the third epoch on.
fn half_moved() -> Placement {
    let entry = |from| PlacementEntry {
        from: Epoch(from),
        replicas: Vec::new(),
        after_day: 0,
    };
    let history = |slot| match slot < SLOTS / 2 {
        true => vec![entry(1), entry(3)],
        false => vec![entry(1)],
    };
    Placement {
        slots: (0..SLOTS).map(history).collect(),
    }
}

#[tokio::test]
async fn what_is_stored_for_the_owners_before_is_stored_for_the_present_ones_too() {
    let dir = tempfile::tempdir().unwrap();
    let (mut engine, placement) = (open(dir.path(), &[]), half_moved());
    let sent = |epoch| replica(epoch, [(1, spans(0, 90, 2), SlotSet::all(SLOTS))]);
    let in_moved = within(spans(0, 90, 2), &slots(0..SLOTS / 2)).len() as u32;
    assert!((1..90).contains(&in_moved));
    for (epoch, rows) in [
        (1, BTreeMap::from([(1, 90)])),
        (2, BTreeMap::from([(1, 90)])),
        (3, BTreeMap::from([(1, 90), (3, in_moved)])),
        (4, BTreeMap::from([(1, 90), (3, in_moved)])),
        (2, BTreeMap::from([(1, 90), (3, in_moved)])),
    ] {
        engine.write_replica(sent(epoch), SLOTS, &placement).await.unwrap();
        assert_eq!(rows_by_epoch(&engine.view()), rows, "after epoch {epoch}");
        drop(engine);
        engine = open(dir.path(), &[]);
    }
    assert_eq!(rows_by_epoch(&engine.view()), BTreeMap::from([(1, 90), (3, in_moved)]));
}

#[tokio::test]
async fn a_slot_of_a_request_is_stored_once_across_cuts_flushes_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = open(dir.path(), &[]);
    let (first, second) = (spans(0, 90, 2), spans(90, 60, 2));
    let messages = [
        replica(1, [(1, first.clone(), slots(0..8)), (2, second.clone(), slots(0..4))]),
        // All of it again.
        replica(1, [(1, first.clone(), slots(0..8))]),
        // Another cut of the same, under another epoch.
        replica(2, [(2, second.clone(), slots(2..9)), (1, first.clone(), slots(6..12))]),
        replica(2, [(2, second.clone(), slots(0..9)), (1, first.clone(), slots(0..16))]),
    ];
    for (number, write) in messages.iter().enumerate() {
        store(&engine, write).await.unwrap();
        let (of_first, of_second) = match number {
            0 | 1 => (slots(0..8), slots(0..4)),
            2 => (slots(0..12), slots(0..9)),
            _ => (slots(0..16), slots(0..9)),
        };
        let expected = [within(first.clone(), &of_first), within(second.clone(), &of_second)].concat();
        assert_holds(&engine.view(), expected.clone());
        if number == 1 {
            engine.force_flush().await.unwrap();
        }
        drop(engine);
        engine = open(dir.path(), &[]);
        assert_holds(&engine.view(), expected.clone());
        assert_sound(&engine);
        for write in messages.iter().take(number + 1) {
            store(&engine, write).await.unwrap();
        }
        assert_holds(&engine.view(), expected);
    }
    let kept = rows_by_epoch(&engine.view());
    assert_eq!(
        kept[&1] as usize,
        within(first, &slots(0..8)).len() + within(second, &slots(0..4)).len()
    );
}

#[tokio::test]
async fn a_request_from_before_the_cluster_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let otlp = message("shop", spans(0, 30, 2));
    let batch = batch(otlp.clone());
    let id = batch.request_id.0;
    engine.write(batch).await.unwrap();
    store(&engine, &replica(1, [(id, spans(0, 30, 2), slots(0..9))]))
        .await
        .unwrap();
    assert_holds(&engine.view(), spans(0, 30, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overlapping_parts_at_the_same_time_are_stored_once() {
    for flags in [&[][..], &["--storage.walSync=always"]] {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path(), flags);
        let mut writers = Vec::new();
        for round in 0..10u64 {
            let all = spans(round * 100, 100, 3);
            for cut in 0..8u16 {
                let (first, second) = (slots(0..8 + cut), slots(cut..16));
                let parts = [
                    (u128::from(round), all.clone(), first),
                    (u128::from(round), all.clone(), second),
                ];
                let (engine, write) = (engine.clone(), replica(1, parts));
                writers.push(tokio::spawn(async move { store(&engine, &write).await }));
            }
        }
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        assert_holds(&engine.view(), spans(0, 1_000, 3));
        drop(engine);
        assert_holds(&open(dir.path(), flags).view(), spans(0, 1_000, 3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_whatever_the_step() {
    for point in Failpoint::ALL {
        let dir = tempfile::tempdir().unwrap();
        let failpoints = Failpoints::failing(*point, 2);
        let environment = Environment {
            failpoints,
            ..environment()
        };
        let (mut acknowledged, mut tried) = (Vec::new(), Vec::new());
        let write = |round: u64, slots: SlotSet| {
            replica(
                1 + (round / 3) as u32,
                [(u128::from(round), spans(round * 40, 40, 3), slots)],
            )
        };
        if let Ok(engine) = Engine::open_in(config(dir.path(), &[]), environment) {
            'stopped: for round in 0..6 {
                for part in [slots(0..10), slots(5..16)] {
                    tried.push(write(round, part.clone()));
                    if store(&engine, &write(round, part.clone())).await.is_err() {
                        break 'stopped;
                    }
                    acknowledged.extend(within(spans(round * 40, 40, 3), &part));
                }
                if round % 2 == 1 && engine.force_flush().await.is_err() {
                    break;
                }
            }
            let _ = engine.force_merge().await;
            let _ = engine.maintain().await;
        }
        let engine = open(dir.path(), &[]);
        let stored = counts(&engine.view());
        assert!(stored.values().all(|n| *n == 1), "{point:?}: a span is there twice");
        for span in &acknowledged {
            let id = (trace_id(span.trace), common::ids::SpanId((span.span + 1).to_be_bytes()));
            assert!(stored.contains_key(&id), "{point:?}: {span:?} is lost");
        }
        assert_sound(&engine);
        // Who got no answer tries again, and the rest follows.
        for write in &tried {
            store(&engine, write).await.unwrap();
        }
        for round in 0..6 {
            store(&engine, &write(round, slots(0..16))).await.unwrap();
        }
        assert_holds(&engine.view(), spans(0, 240, 3));
    }
}

#[tokio::test]
async fn what_is_not_as_it_says_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let good = replica(1, [(1, spans(0, 30, 2), SlotSet::all(SLOTS))]);
    let mut bad = vec![
        ReplicaWrite {
            length: good.length - 1,
            ..good.clone()
        },
        ReplicaWrite {
            compressed: false,
            ..good.clone()
        },
        ReplicaWrite {
            payload: good.payload.slice(0..good.payload.len() / 2),
            ..good.clone()
        },
    ];
    let mut other_slots = good.clone();
    other_slots.parts[0].slots = slots(0..3);
    bad.push(other_slots);
    let mut shorter = good.clone();
    (shorter.parts[0].bytes, shorter.length) = (3, 3);
    bad.push(shorter);
    let future = spans(0, 2, 1).map(|s| TestSpan {
        start: UnixNanos(s.start.0 + 40 * NANOS_PER_DAY),
        ..s
    });
    bad.push(replica(1, [(1, future, SlotSet::all(SLOTS))]));
    for write in bad {
        let refused = store(&engine, &write).await;
        assert!(matches!(refused, Err(WriteError::Invalid(_))), "{refused:?}");
    }
    assert_eq!(engine.stats().head_rows, 0);
    store(&engine, &good).await.unwrap();
    assert_holds(&engine.view(), spans(0, 30, 2));
}

#[tokio::test]
async fn spans_that_grew_too_old_on_their_way_are_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let old = |s: TestSpan| TestSpan {
        start: UnixNanos(s.start.0 - 30 * NANOS_PER_DAY),
        ..s
    };
    store(
        &engine,
        &replica(1, [(1, spans(0, 9, 2).map(old), SlotSet::all(SLOTS))]),
    )
    .await
    .unwrap();
    assert_eq!(engine.stats().head_rows, 0);
    let mixed = spans(0, 10, 2).map(|s| if s.trace == 0 { old(s) } else { s });
    store(&engine, &replica(1, [(2, mixed, SlotSet::all(SLOTS))]))
        .await
        .unwrap();
    engine.force_flush().await.unwrap();
    assert_holds(&engine.view(), spans(2, 8, 2));
    let raw = replica(1, [(3, spans(10, 10, 2), SlotSet::all(SLOTS))]);
    let otlp = zstd::bulk::decompress(&raw.payload, 1 << 20).unwrap();
    let raw = ReplicaWrite {
        payload: otlp.into(),
        compressed: false,
        ..raw
    };
    store(&engine, &raw).await.unwrap();
    assert_holds(&engine.view(), spans(2, 18, 2));
    drop(engine);
    assert_holds(&open(dir.path(), &[]).view(), spans(2, 18, 2));
}
