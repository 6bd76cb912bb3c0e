//! One fault at a time.

use super::memory::{Call, Fault, MemoryCluster};
use super::{batch, sink, sized};
use crate::cluster::{ReplicatedSink, ReplicationConfig};
use common::cluster::NodeId;
use common::contract::{SpanSink, WriteError};
use common::ids::Epoch;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

fn down() -> Fault {
    Fault::Refuses(WriteError::Unavailable("connection refused".into()))
}

fn busy() -> WriteError {
    WriteError::Overloaded {
        reason: "busy".into(),
        retry_after: Duration::from_secs(2),
    }
}

#[tokio::test(start_paused = true)]
async fn all_owners_get_their_spans() {
    for (nodes, factor) in [(1, 1), (3, 1), (3, 2), (3, 3), (12, 2)] {
        let cluster = MemoryCluster::new(nodes, factor);
        let (sink, batch) = (sink(&cluster), batch(1, 200));
        sink.write(batch.clone()).await.unwrap();
        assert_eq!(
            cluster.check_acknowledged(batch.request_id, &batch.otlp),
            usize::from(factor)
        );
        assert_eq!((cluster.calls(Call::Hint), cluster.calls(Call::Mark)), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn parts_of_requests_share_messages() {
    let cluster = MemoryCluster::new(3, 1);
    let sink = sink(&cluster);
    let batches: Vec<_> = (0..50).map(|seed| batch(seed, 20)).collect();
    let begun = Instant::now();
    futures::future::try_join_all(batches.iter().map(|batch| sink.write(batch.clone())))
        .await
        .unwrap();
    assert_eq!(cluster.calls(Call::Write), 3);
    assert!(begun.elapsed() < Duration::from_millis(10));
    for batch in &batches {
        cluster.check_acknowledged(batch.request_id, &batch.otlp);
    }
}

#[tokio::test(start_paused = true)]
async fn large_requests_go_in_several_messages() {
    let cluster = MemoryCluster::new(3, 2);
    // 20 MiB, and messages are checked to be less than 3.
    let (sink, batch) = (sink(&cluster), sized(1, 1000, 10_000));
    sink.write(batch.clone()).await.unwrap();
    assert!(cluster.calls(Call::Write) >= 2 * 8);
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dead_node_pauses_writes_once() {
    let cluster = MemoryCluster::new(3, 2);
    let sink = sink(&cluster);
    cluster.node_of(1).fails(down());
    for seed in 0..20 {
        let batch = batch(seed, 50);
        let begun = Instant::now();
        sink.write(batch.clone()).await.unwrap();
        assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 2);
        let took = begun.elapsed();
        if seed == 0 {
            // No acknowledgement before the node's read lease has run out.
            assert!(
                (Duration::from_millis(2200)..Duration::from_secs(3)).contains(&took),
                "{took:?}"
            );
        } else {
            assert!(took < Duration::from_millis(50), "{took:?}");
        }
    }
    assert_eq!(cluster.calls(Call::Mark), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_given_up_in_time() {
    for fault in [Fault::Silent, Fault::SilentlyStores] {
        let cluster = MemoryCluster::new(3, 2);
        let sink = sink(&cluster);
        cluster.node_of(2).fails(fault);
        let (first, second) = (batch(1, 50), batch(2, 50));
        sink.write(first.clone()).await.unwrap();
        assert_eq!(cluster.check_acknowledged(first.request_id, &first.otlp), 2);
        let begun = Instant::now();
        sink.write(second.clone()).await.unwrap();
        assert!(begun.elapsed() < Duration::from_millis(50));
        assert_eq!(cluster.check_acknowledged(second.request_id, &second.otlp), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_back_gets_writes_within_a_second() {
    let cluster = MemoryCluster::new(3, 2);
    let sink = sink(&cluster);
    cluster.node_of(1).fails(down());
    for seed in 0..100 {
        sink.write(batch(seed, 10)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    cluster.node_of(1).fails(Fault::None);
    let hints = cluster.calls(Call::Hint);
    let back = Instant::now();
    let mut seed = 100;
    while cluster.node_of(1).stored.lock().is_empty() {
        sink.write(batch(seed, 10)).await.unwrap();
        seed += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(back.elapsed() <= Duration::from_millis(1200), "{:?}", back.elapsed());
    assert!(cluster.calls(Call::Hint) > hints);
    let hints = cluster.calls(Call::Hint);
    // It is still marked, and yet it gets what it owns.
    let batch = batch(1000, 50);
    sink.write(batch.clone()).await.unwrap();
    assert_eq!(cluster.calls(Call::Hint), hints);
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 2);
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_mark_was_lifted_is_not_marked_for_what_was_before() {
    let cluster = MemoryCluster::new(3, 2);
    let sink = sink(&cluster);
    cluster.node_of(1).fails(down());
    sink.write(batch(1, 50)).await.unwrap();
    let marks = cluster.calls(Call::Mark);
    assert!(marks > 0);
    // It comes back, and its mark is lifted, while nothing is written.
    cluster.node_of(1).fails(Fault::None);
    cluster.change(|state| state.members.values_mut().for_each(|member| member.mark = None));
    let batch = batch(2, 50);
    sink.write(batch.clone()).await.unwrap();
    assert_eq!(cluster.calls(Call::Mark), marks);
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 2);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_no_reason_for_a_mark() {
    let cluster = MemoryCluster::new(3, 2);
    let mut broken = true;
    cluster.node_of(1).fails_by(move |_| match std::mem::take(&mut broken) {
        true => down(),
        false => Fault::None,
    });
    let batch = batch(1, 50);
    sink(&cluster).write(batch.clone()).await.unwrap();
    assert_eq!(cluster.calls(Call::Mark), 0);
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 2);
}

#[tokio::test(start_paused = true)]
async fn back_pressure_reaches_the_client_and_is_never_hinted() {
    let cluster = MemoryCluster::new(3, 2);
    let sink = sink(&cluster);
    let full = WriteError::ReadOnly {
        reason: "disk".into(),
        retry_after: Duration::from_secs(9),
    };
    for error in [busy(), full] {
        cluster.node_of(1).fails(Fault::Refuses(error.clone()));
        let refused = sink.write(batch(1, 50)).await.unwrap_err();
        assert_eq!(refused.to_string(), error.to_string());
    }
    assert_eq!((cluster.calls(Call::Hint), cluster.calls(Call::Mark)), (0, 0));
    // What the others have stored is not stored twice when the client comes again.
    cluster.node_of(1).fails(Fault::None);
    let batch = batch(1, 50);
    sink.write(batch.clone()).await.unwrap();
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 2);
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_holder_is_back_pressure_too() {
    let cluster = MemoryCluster::new(3, 2);
    cluster.node_of(1).fails(down());
    for id in [2, 3] {
        cluster.node_of(id).fails_by(|call| match call {
            Call::Hint => Fault::Refuses(busy()),
            _ => Fault::None,
        });
    }
    let refused = sink(&cluster).write(batch(1, 50)).await.unwrap_err();
    assert!(matches!(refused, WriteError::Overloaded { .. }), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_without_a_mark() {
    let cluster = MemoryCluster::new(3, 2);
    cluster.node_of(1).fails(down());
    for id in [2, 3] {
        cluster.node_of(id).fails_by(|call| match call {
            Call::Mark => Fault::Refuses(WriteError::Unavailable("no leader".into())),
            _ => Fault::None,
        });
    }
    let begun = Instant::now();
    let error = sink(&cluster).write(batch(1, 50)).await.unwrap_err();
    assert!(matches!(error, WriteError::Unavailable(_)));
    assert_eq!((begun.elapsed().as_secs(), cluster.calls(Call::Hint)), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_single_copy_is_kept_as_a_hint() {
    let cluster = MemoryCluster::new(3, 1);
    cluster.node_of(1).fails(down());
    let batch = batch(1, 50);
    sink(&cluster).write(batch.clone()).await.unwrap();
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 1);
}

#[tokio::test(start_paused = true)]
async fn fewer_nodes_than_copies_suffice_when_all_agree_that_the_others_are_away() {
    let cluster = MemoryCluster::new(3, 2);
    cluster.node_of(1).fails(down());
    cluster.node_of(2).fails(down());
    let batch = batch(1, 50);
    sink(&cluster).write(batch.clone()).await.unwrap();
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 1);
    let state = cluster.state.lock().clone();
    assert!(!state.in_sync(NodeId(1)) && !state.in_sync(NodeId(2)) && state.in_sync(NodeId(3)));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_away_is_marked_before_fewer_copies_count() {
    let cluster = MemoryCluster::new(3, 2);
    // One trace, whose owners are 1 and 2: only the hint finds out that 3 is away.
    let owned_by_1_and_2 = |seed: &u64| {
        let batch = batch(*seed, 1);
        let slot = *super::memory::by_slot(&batch.otlp).first_key_value().unwrap().0;
        cluster.state.lock().placement.owners(slot) == [NodeId(1), NodeId(2)]
    };
    let batch = batch((0..).find(owned_by_1_and_2).unwrap(), 1);
    cluster.node_of(1).fails(down());
    cluster.node_of(3).fails(down());
    sink(&cluster).write(batch.clone()).await.unwrap();
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 1);
    assert!(!cluster.state.lock().in_sync(NodeId(3)));
}

#[tokio::test(start_paused = true)]
async fn min_copies_is_kept_to() {
    let cluster = MemoryCluster::new(2, 2);
    let config = ReplicationConfig {
        write_min_copies: 2,
        ..ReplicationConfig::default()
    };
    let (strict, lenient) = (ReplicatedSink::new(cluster.clone(), &config), sink(&cluster));
    cluster.node_of(1).fails(down());
    let error = strict.write(batch(1, 10)).await.unwrap_err();
    assert!(error.to_string().contains("too few storage nodes"), "{error}");
    let batch = batch(2, 10);
    lenient.write(batch.clone()).await.unwrap();
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 1);
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_closes_is_replaced_by_the_next() {
    let cluster = MemoryCluster::new(3, 2);
    let sink = sink(&cluster);
    cluster.node_of(1).fails(down());
    sink.write(batch(1, 50)).await.unwrap();
    // This process has not heard yet that the mark is being lifted.
    *cluster.frozen.lock() = Some(Arc::new(cluster.state.lock().clone()));
    cluster.change(|state| {
        state
            .members
            .get_mut(&NodeId(1))
            .unwrap()
            .mark
            .as_mut()
            .unwrap()
            .closing = true
    });
    let batch = batch(2, 50);
    sink.write(batch.clone()).await.unwrap();
    cluster.check_acknowledged(batch.request_id, &batch.otlp);
    let member = cluster.state.lock().member(NodeId(1)).unwrap().clone();
    assert_eq!((member.generation, member.mark.unwrap().closing), (2, false));
}

#[tokio::test(start_paused = true)]
async fn a_mark_that_others_made_is_waited_for_as_well() {
    let cluster = MemoryCluster::new(3, 2);
    cluster.node_of(1).fails(down());
    cluster.mark(NodeId(1));
    let begun = Instant::now();
    sink(&cluster).write(batch(1, 50)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(2200));
    assert_eq!(cluster.calls(Call::Mark), 0);
}

#[tokio::test(start_paused = true)]
async fn an_insert_node_without_writes_counts_the_time_of_others_marks() {
    let cluster = MemoryCluster::new(3, 2);
    let (busy, idle) = (sink(&cluster), sink(&cluster));
    cluster.node_of(1).fails(down());
    busy.write(batch(1, 50)).await.unwrap();
    let begun = Instant::now();
    idle.write(batch(2, 50)).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_closed_epoch_is_followed_by_the_next() {
    let cluster = MemoryCluster::new(3, 2);
    *cluster.frozen.lock() = Some(Arc::new(cluster.state.lock().clone()));
    let next = cluster.next_epoch();
    cluster.nodes.values().for_each(|node| *node.closed.lock() = Epoch(1));
    let batch = batch(1, 50);
    sink(&cluster).write(batch.clone()).await.unwrap();
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 2);
    let epochs = |id: u64| {
        cluster
            .node_of(id)
            .stored
            .lock()
            .values()
            .map(|(epoch, _)| *epoch)
            .collect::<Vec<_>>()
    };
    assert!((1..=3).flat_map(epochs).all(|epoch| epoch == next));
    assert_eq!(cluster.calls(Call::Mark), 0);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_one_owner_took_is_finished() {
    let cluster = MemoryCluster::new(3, 2);
    *cluster.frozen.lock() = Some(Arc::new(cluster.state.lock().clone()));
    cluster.next_epoch();
    // Node 3 has not closed the old epoch yet: what it took stays there.
    *cluster.node_of(1).closed.lock() = Epoch(1);
    *cluster.node_of(2).closed.lock() = Epoch(1);
    let batch = batch(1, 100);
    sink(&cluster).write(batch.clone()).await.unwrap();
    assert_eq!(cluster.check_acknowledged(batch.request_id, &batch.otlp), 2);
    let stored = cluster.node_of(3).stored.lock().clone();
    assert!(stored.values().any(|(epoch, _)| *epoch == Epoch(1)));
    assert!(stored.values().any(|(epoch, _)| *epoch == Epoch(2)));
}

#[tokio::test(start_paused = true)]
async fn too_much_under_way_is_back_pressure() {
    let cluster = MemoryCluster::new(1, 1);
    let config = ReplicationConfig {
        insert_max_inflight_bytes_per_node: common::config::ByteSize::kib(1),
        ..ReplicationConfig::default()
    };
    let sink = Arc::new(ReplicatedSink::new(cluster.clone(), &config));
    cluster.node_of(1).fails(Fault::After(Duration::from_millis(3900)));
    let writes: Vec<_> = (0..4)
        .map(|seed| {
            let sink = sink.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(seed * 10)).await;
                sink.write(batch(seed, 50)).await
            })
        })
        .collect();
    let outcomes: Vec<_> = futures::future::join_all(writes)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert!(
        matches!(outcomes[3], Err(WriteError::Overloaded { .. })),
        "{outcomes:?}"
    );
    assert_eq!((cluster.calls(Call::Hint), cluster.calls(Call::Mark)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_no_member_any_more_misses_nothing() {
    for (factor, is_stored) in [(2, true), (1, false)] {
        let cluster = MemoryCluster::new(3, factor);
        let sink = sink(&cluster);
        cluster.node_of(1).fails(down());
        cluster.change(|state| drop(state.members.remove(&NodeId(1))));
        let outcome = sink.write(batch(1, 50)).await;
        assert_eq!(outcome.is_ok(), is_stored, "{outcome:?}");
        assert_eq!((cluster.calls(Call::Mark), cluster.calls(Call::Hint)), (0, 0));
    }
}
