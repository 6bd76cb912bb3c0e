//! A scope that is moved from one engine to another, and dropped where it was.

use super::*;
use crate::engine::store::testing::{TestSpan, message, open, spans, trace_id};
use common::cluster::{Placement, ScopeRange};
use common::ids::Epoch;
use futures::StreamExt;

const SLOTS: u16 = 16;

fn whole(epoch: u32, id: u128, spans: impl IntoIterator<Item = TestSpan>) -> ReplicaWrite {
    let otlp = message("shop", spans);
    let length = otlp.len() as u32;
    ReplicaWrite {
        tenant: TenantId(7),
        epoch: Epoch(epoch),
        parts: vec![RequestPart {
            id: RequestId(id),
            slots: SlotSet::all(SLOTS),
            bytes: length,
        }],
        length,
        payload: otlp,
        compressed: false,
    }
}

fn scope(epochs: (u32, u32), slots: Range<u16>) -> Scope {
    Scope {
        slots: SLOTS,
        ranges: vec![ScopeRange {
            epochs: (Epoch(epochs.0), Epoch(epochs.1)),
            slots: slots.map(Slot).collect(),
        }],
    }
}

/// Two epochs in blocks and one in the head.
async fn filled(engine: &Engine) {
    for (epoch, first) in [(1, 0), (2, 400), (3, 800)] {
        let write = whole(epoch, u128::from(first), spans(first, 400, 4));
        engine.write_replica(write, SLOTS, &Placement::default()).await.unwrap();
        if epoch < 3 {
            engine.force_flush().await.unwrap();
        }
    }
}

async fn move_to(target: &Engine, from: &Engine, scope: Scope) -> usize {
    let mut exports = from.export(scope);
    let mut messages = 0;
    while let Some(write) = exports.next().await {
        let mut write = write.unwrap();
        messages += 1;
        write.parts[0].id = RequestId(1_000_000 + messages as u128);
        target.write_replica(write, SLOTS, &Placement::default()).await.unwrap();
    }
    messages
}

#[tokio::test]
async fn what_is_moved_is_the_same_and_what_is_dropped_is_gone_for_ever() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut from, to) = (open(a.path(), &[]), open(b.path(), &[]));
    filled(&from).await;
    let everything = from.digest(Scope::all(SLOTS)).await.unwrap();
    let moved = scope((1, 3), 3..9);
    assert!(move_to(&to, &from, moved.clone()).await > 0);
    let digest = from.digest(moved.clone()).await.unwrap();
    assert_eq!(to.digest(Scope::all(SLOTS)).await.unwrap(), digest);
    assert_eq!(digest.len(), 6);

    let rows: u64 = digest.values().map(|digest| digest.spans).sum();
    assert_eq!(from.rows_within(moved.clone()).await.unwrap(), rows);
    let before = from.view();
    assert_eq!(from.discard(moved.clone()).await.unwrap(), rows);
    assert_eq!(from.discard(moved.clone()).await.unwrap(), 0);
    assert_eq!(
        before
            .blocks()
            .map(|block| block.open().unwrap().header.rows)
            .sum::<u32>() as u64,
        800,
        "a query goes on"
    );
    drop(before);
    let rest: Vec<_> = everything
        .into_iter()
        .filter(|(slot, _)| !(3..9).contains(&slot.0))
        .collect();
    for _ in 0..2 {
        let left: Vec<_> = from.digest(Scope::all(SLOTS)).await.unwrap().into_iter().collect();
        assert_eq!(left, rest);
        from.force_merge().await.unwrap();
        drop(from);
        from = open(a.path(), &[]);
    }
    let gone = (0..1_200u64)
        .map(trace_id)
        .find(|id| (3..9).contains(&Slot::of(*id, SLOTS).0))
        .unwrap();
    let found = from.blocks_of_trace(&from.view(), TenantId(7), gone.hash()).unwrap();
    assert!(found.is_empty(), "its index entries are gone");
}

#[tokio::test]
async fn a_block_of_which_nothing_stays_goes() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    filled(&engine).await;
    engine.discard(scope((1, 1), 0..SLOTS)).await.unwrap();
    let epochs: Vec<u32> = engine.view().blocks().map(|block| block.epoch().0).collect();
    assert_eq!(epochs, [2]);
    assert_eq!(engine.rows_within(Scope::all(SLOTS)).await.unwrap(), 800);
}

#[test]
fn portions_hold_all_rows_in_order() {
    let cut = |ranges: &[Range<u32>]| -> Vec<Vec<(u32, u32)>> {
        let pairs = |portion: Vec<Range<u32>>| portion.iter().map(|range| (range.start, range.end)).collect();
        portions(ranges, 4).into_iter().map(pairs).collect()
    };
    assert_eq!(cut(&[0..3, 5..9]), [vec![(0, 3), (5, 6)], vec![(6, 9)]]);
    let one = 0..9;
    assert_eq!(cut(std::slice::from_ref(&one)), [[(0, 4)], [(4, 8)], [(8, 9)]]);
    assert!(portions(&[], 4).is_empty());
}
