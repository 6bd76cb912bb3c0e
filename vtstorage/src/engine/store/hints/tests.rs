//! Hints over restarts.

use super::super::keys;
use super::super::rocks;
use super::super::testing::{entries, open};
use super::{Hint, HintStore};
use bytes::Bytes;
use common::cluster::{HintCount, NodeId, ReplicaWrite, RequestPart, SlotSet};
use common::contract::WriteError;
use common::ids::{Epoch, RequestId, TenantId};
use rocksdb::WriteBatch;

const A: NodeId = NodeId(10);
const B: NodeId = NodeId(3);
const MANY: u64 = 1 << 30;

fn write(number: u8) -> ReplicaWrite {
    ReplicaWrite {
        tenant: TenantId(1),
        epoch: Epoch(2),
        parts: vec![RequestPart {
            id: RequestId(u128::from(number)),
            slots: SlotSet::all(8),
            bytes: 100,
        }],
        length: 100,
        payload: Bytes::from(vec![number; 100]),
        compressed: false,
    }
}

async fn all(hints: &HintStore, target: NodeId) -> Vec<u8> {
    let read = hints.oldest(target, 0, MANY).await.unwrap();
    let sound = |hint: &Hint| hint.write == write(hint.write.payload[0]);
    assert!(read.iter().all(sound) && read.is_sorted_by_key(|hint| hint.number));
    read.iter().map(|hint| hint.write.payload[0]).collect()
}

#[tokio::test]
async fn hints_are_kept_in_order_until_they_are_removed() {
    for flags in [&[][..], &["--storage.walSync=always"]] {
        let dir = tempfile::tempdir().unwrap();
        let engine = open(dir.path(), flags);
        let hints = engine.hints(MANY);
        let mut stored = hints.stored();
        for number in 0..9 {
            hints
                .put(if number % 3 == 0 { B } else { A }, write(number))
                .await
                .unwrap();
        }
        assert!(stored.has_changed().unwrap());
        stored.borrow_and_update();
        assert_eq!(all(&hints, A).await, [1, 2, 4, 5, 7, 8]);
        assert_eq!(hints.count(A), HintCount { hints: 6, bytes: 600 });
        let first = hints.oldest(A, 0, 250).await.unwrap();
        assert_eq!(first.len(), 2);
        let next = hints.oldest(A, first[1].number, 1).await.unwrap();
        assert_eq!(next[0].write, write(4));
        hints
            .remove(A, first.iter().map(|hint| hint.number).collect())
            .await
            .unwrap();
        drop((engine, hints));

        let engine = open(dir.path(), flags);
        let hints = engine.hints(MANY);
        assert_eq!(all(&hints, A).await, [4, 5, 7, 8]);
        assert_eq!(all(&hints, B).await, [0, 3, 6]);
        assert_eq!(hints.targets(), [B, A]);
        hints.put(A, write(9)).await.unwrap();
        assert_eq!(all(&hints, A).await, [4, 5, 7, 8, 9]);
        let numbers = hints
            .oldest(A, 0, MANY)
            .await
            .unwrap()
            .iter()
            .map(|hint| hint.number)
            .collect();
        hints.remove(A, numbers).await.unwrap();
        assert_eq!((hints.count(A), hints.targets()), (HintCount::default(), vec![B]));
        assert_eq!(entries(&engine, rocks::HINTS).len(), 3);
        drop((engine, hints));
        let hints = open(dir.path(), flags).hints(MANY);
        assert_eq!(hints.targets(), [B]);
    }
}

#[tokio::test]
async fn hints_beyond_their_bound_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let hints = engine.hints(250);
    hints.put(A, write(1)).await.unwrap();
    hints.put(B, write(2)).await.unwrap();
    let refused = hints.put(A, write(3)).await;
    assert!(matches!(refused, Err(WriteError::ReadOnly { .. })), "{refused:?}");
    let first = hints.oldest(B, 0, 1).await.unwrap();
    hints.remove(B, vec![first[0].number]).await.unwrap();
    hints.put(A, write(3)).await.unwrap();
    assert_eq!(all(&hints, A).await, [1, 3]);
    engine.shutdown().await.unwrap();
    let refused = hints.put(A, write(4)).await;
    assert!(matches!(refused, Err(WriteError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_hint_that_cannot_be_read_stays_and_does_not_stop_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let hints = engine.hints(MANY);
    for number in 0..4 {
        hints.put(A, write(number)).await.unwrap();
    }
    let rocks = &engine.shared.rocks;
    let mut batch = WriteBatch::default();
    let family = rocks.family(rocks::HINTS).unwrap();
    batch.put_cf(&family, keys::hint(A, 1), b"\x01nonsense");
    batch.delete_cf(&family, keys::hint(A, 3));
    rocks.write(batch).unwrap();
    assert_eq!(all(&hints, A).await, [1, 3]);
    assert_eq!(
        hints.oldest(A, 0, 1).await.unwrap()[0].write,
        write(1),
        "what cannot be read is passed over"
    );
    assert_eq!(hints.count(A).hints, 4, "the node does not have them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hints_come_and_go_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), &[]);
    let hints = engine.hints(MANY);
    let writers = (0..4u8).map(|writer| {
        let hints = hints.clone();
        tokio::spawn(async move {
            for number in 0..50 {
                hints.put(A, write(writer * 50 + number)).await.unwrap();
            }
        })
    });
    let writers = writers.collect::<Vec<_>>();
    let mut taken = Vec::new();
    while taken.len() < 200 {
        let read = hints.oldest(A, 0, 1_000).await.unwrap();
        taken.extend(read.iter().map(|hint| hint.write.payload[0]));
        hints
            .remove(A, read.iter().map(|hint| hint.number).collect())
            .await
            .unwrap();
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    taken.sort();
    assert_eq!(taken, (0..200).collect::<Vec<_>>());
    assert_eq!(hints.count(A), HintCount::default());
}
