//! Random faults at every call, random clusters: whatever happens, what is acknowledged is there.

use super::memory::{Call, Fault, MemoryCluster};
use super::{batch, sink};
use common::cluster::NodeId;
use common::contract::{SpanSink, WriteError};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::sync::Arc;
use std::time::Duration;

/// How calls of one kind go: parts in a hundred.
#[derive(Clone, Copy, Debug)]
struct Weather {
    refuses: u32,
    silent: u32,
    stores_and_fails: u32,
    busy: u32,
    slow: u32,
}

fn weather() -> impl Strategy<Value = Weather> {
    let calm = Weather {
        refuses: 0,
        silent: 0,
        stores_and_fails: 0,
        busy: 0,
        slow: 10,
    };
    let rough = (0..20u32, 0..10u32, 0..20u32, 0..5u32, 0..30u32).prop_map(
        |(refuses, silent, stores_and_fails, busy, slow)| Weather {
            refuses,
            silent,
            stores_and_fails,
            busy,
            slow,
        },
    );
    let dead = Weather { refuses: 100, ..calm };
    prop_oneof![2 => Just(calm), 3 => rough, 1 => Just(dead)]
}

impl Weather {
    fn fault(&self, _: Call, rng: &mut TestRng) -> Fault {
        let unavailable = || WriteError::Unavailable("weather".into());
        let mut roll = rng.random_range(0..100);
        let mut falls = |part: u32| {
            let falls = roll < part;
            roll = roll.saturating_sub(part);
            falls
        };
        if falls(self.refuses) {
            Fault::Refuses(unavailable())
        } else if falls(self.silent) {
            if rng.random() {
                Fault::Silent
            } else {
                Fault::SilentlyStores
            }
        } else if falls(self.stores_and_fails) {
            Fault::StoresAndFails(WriteError::Storage("weather".into()))
        } else if falls(self.busy) {
            Fault::Refuses(WriteError::Overloaded {
                reason: "weather".into(),
                retry_after: Duration::from_secs(1),
            })
        } else if falls(self.slow) {
            Fault::After(Duration::from_millis(rng.random_range(0..5000)))
        } else {
            Fault::None
        }
    }
}

/// Clients that write, each batch up to three times; returns how many were acknowledged.
async fn run(cluster: Arc<MemoryCluster>, clients: u64, batches: u64) -> usize {
    let sinks = [Arc::new(sink(&cluster)), Arc::new(sink(&cluster))];
    let client = |client: u64| {
        let (cluster, sinks) = (cluster.clone(), sinks.clone());
        async move {
            let mut acknowledged = Vec::new();
            for number in 0..batches {
                let batch = batch(client * 1000 + number, 12);
                for attempt in 0..3 {
                    let sink = &sinks[(client + attempt) as usize % 2];
                    if sink.write(batch.clone()).await.is_ok() {
                        cluster.check_acknowledged(batch.request_id, &batch.otlp);
                        acknowledged.push(batch);
                        break;
                    }
                }
            }
            acknowledged
        }
    };
    let acknowledged = futures::future::join_all((0..clients).map(client)).await;
    let all: Vec<_> = acknowledged.into_iter().flatten().collect();
    for batch in &all {
        cluster.check_acknowledged(batch.request_id, &batch.otlp);
    }
    all.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn what_is_acknowledged_is_on_all_owners_or_kept_for_marked_ones(
        weathers in prop::collection::vec(weather(), 1..6),
        factor in 1..4u8,
        seed: [u8; 32],
        restarts in prop::collection::vec((0..6usize, 0..20_000u64), 0..4),
    ) {
        let nodes = weathers.len() as u64;
        let cluster = MemoryCluster::new(nodes, factor);
        for (id, weather) in (1..=nodes).zip(&weathers) {
            let mut seed = seed;
            seed[0] ^= id as u8;
            let (mut rng, weather) = (TestRng::from_seed(RngAlgorithm::ChaCha, &seed), *weather);
            cluster.node_of(id).fails_by(move |call| weather.fault(call, &mut rng));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let all_calm = weathers.iter().all(|weather| weather.refuses + weather.silent + weather.stores_and_fails + weather.busy == 0);
        let written = runtime.block_on(async {
            let changes = restarts.into_iter().map(|(node, after)| {
                let cluster = cluster.clone();
                async move {
                    tokio::time::sleep(Duration::from_millis(after)).await;
                    // A node's mark is about to be lifted: hints of its generation are refused from now on.
                    let node = NodeId(node as u64 % nodes + 1);
                    cluster.change(|state| if let Some(mark) = &mut state.members.get_mut(&node).unwrap().mark {
                        mark.closing = true;
                    });
                }
            });
            let changes = futures::future::join_all(changes.collect::<Vec<_>>());
            futures::future::join(run(cluster.clone(), 4, 5), changes).await.0
        });
        if all_calm && nodes > 1 {
            prop_assert_eq!(written, 20);
        }
    }
}
