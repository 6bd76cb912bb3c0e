//! Days: many at once, and their end.

use super::super::disk::DiskSpace;
use super::super::environment::Environment;
use super::super::testing::*;
use super::Engine;
use common::cluster::{NodePart, Scope};
use common::contract::{QueryContext, WriteError};
use common::ids::TenantId;
use common::query::{Answer, Filter, Plan, Projection, RowOrder, RowsQuery, Shape};
use common::time::{NANOS_PER_DAY, TimeRange, UnixNanos};
use futures::StreamExt;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;

/// A world whose clock and disk a test sets.
#[derive(Clone)]
struct World {
    now: Arc<Mutex<UnixNanos>>,
    disk: Arc<Mutex<DiskSpace>>,
}

impl World {
    fn new() -> Self {
        let disk = DiskSpace {
            free: 50 << 30,
            total: 100 << 30,
        };
        Self {
            now: Arc::new(Mutex::new(noon())),
            disk: Arc::new(Mutex::new(disk)),
        }
    }

    fn open(&self, dir: &Path, flags: &[&str]) -> Arc<Engine> {
        let world = self.clone();
        let clock = self.clone();
        let environment = Environment {
            now: Arc::new(move || *clock.now.lock()),
            disk: Arc::new(move |_| Ok(*world.disk.lock())),
            ..Environment::default()
        };
        Engine::open_in(config(dir, flags), environment).unwrap()
    }
}

/// Spans of `days` days, the last of them today, so many on each.
fn on_days(days: u64, each: u64) -> impl Iterator<Item = TestSpan> {
    (0..days).flat_map(move |ago| {
        spans(ago * each, each, 4).map(move |s| TestSpan {
            start: UnixNanos(s.start.0 - ago * NANOS_PER_DAY),
            ..s
        })
    })
}

fn days(engine: &Engine) -> Vec<u32> {
    engine.view().partitions().map(|p| p.day).collect()
}

#[tokio::test]
async fn a_flush_may_touch_many_days() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--retentionPeriod=100d", "--storage.maxOpenPartitions=3"];
    let engine = World::new().open(dir.path(), &flags);
    let all = on_days(20, 12).collect::<Vec<_>>();
    // One message that spans all days.
    write(&engine, message("shop", all.clone())).await.unwrap();
    engine.force_flush().await.unwrap();
    assert_eq!(days(&engine).len(), 20);
    assert_holds(&engine.view(), all.clone());
    assert_indexed(&engine, [0, 5, 30]);
    assert_sound(&engine);
    drop(engine);
    let engine = World::new().open(dir.path(), &flags);
    assert_holds(&engine.view(), all);
    assert_sound(&engine);
}

#[tokio::test]
async fn days_end_with_the_retention_period() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    let engine = world.open(dir.path(), &[]);
    write(&engine, message("shop", on_days(5, 10))).await.unwrap();
    engine.force_flush().await.unwrap();
    engine.maintain().await.unwrap();
    assert_eq!(days(&engine), (TODAY - 4..=TODAY).collect::<Vec<_>>());

    *world.now.lock() = UnixNanos(noon().0 + 5 * NANOS_PER_DAY);
    let held = engine.view();
    engine.maintain().await.unwrap();
    assert_eq!(days(&engine), (TODAY - 2..=TODAY).collect::<Vec<_>>());
    assert_holds(&engine.view(), on_days(3, 10));
    // A view from before keeps reading.
    assert_holds(&held, on_days(5, 10));
    assert_eq!(engine.shared.rocks.partition_families().len(), 10);
    drop(held);
    engine.maintain().await.unwrap();
    assert_eq!(engine.shared.rocks.partition_families().len(), 6);
    assert_sound(&engine);
    drop(engine);
    let engine = world.open(dir.path(), &[]);
    assert_holds(&engine.view(), on_days(3, 10));
    assert!(
        engine
            .view()
            .partitions()
            .all(|p| p.catalogue.services(TenantId(0)).len() == 1)
    );
}

#[tokio::test]
async fn spans_that_grow_too_old_in_the_log_are_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    let engine = world.open(dir.path(), &[]);
    write(&engine, message("shop", on_days(2, 10))).await.unwrap();
    drop(engine);
    *world.now.lock() = UnixNanos(noon().0 + 7 * NANOS_PER_DAY);
    let engine = world.open(dir.path(), &[]);
    engine.force_flush().await.unwrap();
    assert_eq!(days(&engine), [TODAY]);
    assert_sound(&engine);
}

#[tokio::test]
async fn a_day_that_is_being_dropped_can_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let engine = World::new().open(dir.path(), &[]);
    write(&engine, message("shop", on_days(3, 10))).await.unwrap();
    engine.force_flush().await.unwrap();
    let held = engine.view();
    {
        let _commit = engine.shared.commit.lock();
        engine.shared.retire_partition(TODAY - 2).unwrap();
    }
    let late = spans(1_000, 10, 4).map(|s| TestSpan {
        start: UnixNanos(s.start.0 - 2 * NANOS_PER_DAY),
        ..s
    });
    write(&engine, message("shop", late.clone())).await.unwrap();
    engine.force_flush().await.unwrap();
    drop(held);
    engine.maintain().await.unwrap();
    assert_holds(&engine.view(), on_days(2, 10).chain(late));
    assert_sound(&engine);
}

#[tokio::test]
async fn the_oldest_days_give_way_when_the_disk_is_used_too_much() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    let engine = world.open(dir.path(), &["--retention.maxDiskUsagePercent=60"]);
    write(&engine, message("shop", on_days(5, 10))).await.unwrap();
    engine.force_flush().await.unwrap();
    engine.maintain().await.unwrap();
    assert_eq!(days(&engine).len(), 5, "half is used");
    // A few bytes over: the oldest day is enough.
    *world.disk.lock() = DiskSpace {
        free: (40 << 30) - 10,
        total: 100 << 30,
    };
    engine.maintain().await.unwrap();
    assert_eq!(days(&engine), (TODAY - 3..=TODAY).collect::<Vec<_>>());
    // Far over: all but two go.
    *world.disk.lock() = DiskSpace {
        free: 20 << 30,
        total: 100 << 30,
    };
    engine.maintain().await.unwrap();
    engine.maintain().await.unwrap();
    assert_eq!(days(&engine), [TODAY - 1, TODAY]);
    assert_holds(&engine.view(), on_days(2, 10));
    assert_sound(&engine);
}

#[tokio::test]
async fn the_oldest_days_give_way_when_the_data_is_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let engine = World::new().open(dir.path(), &["--retention.maxDiskSpaceUsageBytes=1KB"]);
    write(&engine, message("shop", on_days(4, 10))).await.unwrap();
    engine.force_flush().await.unwrap();
    engine.maintain().await.unwrap();
    assert_eq!(days(&engine), [TODAY - 1, TODAY]);
}

/// The number of spans that a node says there are in all.
async fn count(engine: &Engine) -> usize {
    let query = RowsQuery {
        projection: Projection::Spans,
        order: RowOrder::Any,
        limit: None,
    };
    let plan = Plan {
        tenant: TenantId(0),
        range: TimeRange::ALL,
        filter: Filter::All,
        shape: Shape::Rows(query),
    };
    let parts = engine.query_within(plan, Scope::all(16), QueryContext::unlimited());
    let parts: Vec<_> = parts.unwrap().map(Result::unwrap).collect().await;
    let rows = parts.iter().map(|part| match part {
        NodePart::Part(Answer::Rows { parts, .. }) => parts.iter().map(|part| part.len()).sum(),
        _ => 0,
    });
    rows.sum()
}

#[tokio::test]
async fn nodes_of_a_cluster_drop_days_for_space_together() {
    let (dir, other_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (world, other_world) = (World::new(), World::new());
    let node = world.open(dir.path(), &["--retention.maxDiskUsagePercent=60"]);
    let other = other_world.open(other_dir.path(), &["--retention.maxDiskUsagePercent=60"]);
    for engine in [&node, &other] {
        engine.keep_from(TODAY - 20);
        write(engine, message("shop", on_days(5, 10))).await.unwrap();
        engine.force_flush().await.unwrap();
    }
    world.disk.lock().free = 20 << 30;
    for engine in [&node, &other] {
        engine.maintain().await.unwrap();
        assert_eq!(
            (days(engine).len(), count(engine).await),
            (5, 50),
            "nobody drops a day alone"
        );
    }
    assert_eq!(
        (node.first_day_with_room(), other.first_day_with_room()),
        (TODAY - 1, 0)
    );
    // As the cluster decides then.
    for engine in [&node, &other] {
        engine.keep_from(TODAY - 1);
        assert_eq!((days(engine), count(engine).await), (vec![TODAY - 1, TODAY], 20));
        let old = write(engine, message("shop", on_days(4, 10))).await;
        assert!(matches!(old, Err(WriteError::Invalid(_))), "{old:?}");
        engine.maintain().await.unwrap();
        assert_eq!(engine.stats().partitions, 2, "the others are deleted");
        engine.keep_from(TODAY - 9);
        assert_eq!(count(engine).await, 20, "it never goes back");
        assert_sound(engine);
    }
}

#[tokio::test]
async fn a_full_disk_makes_it_read_only_and_it_comes_back_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    let engine = world.open(dir.path(), &["--storage.minFreeDiskSpaceBytes=1GiB"]);
    write(&engine, message("shop", spans(0, 10, 2))).await.unwrap();
    world.disk.lock().free = 1 << 29;
    engine.maintain().await.unwrap();
    let refused = write(&engine, message("shop", spans(10, 10, 2))).await;
    assert!(
        matches!(&refused, Err(WriteError::ReadOnly { reason, .. }) if reason.contains("1GiB")),
        "{refused:?}"
    );
    assert!(engine.stats().read_only);
    assert_holds(&engine.view(), spans(0, 10, 2));
    engine.force_flush().await.unwrap();
    world.disk.lock().free = 2 << 30;
    // The maintenance thread looks each second.
    while engine.stats().read_only {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    write(&engine, message("shop", spans(10, 10, 2))).await.unwrap();
    assert_holds(&engine.view(), spans(0, 20, 2));
    drop(engine);
    world.disk.lock().free = 0;
    let engine = world.open(dir.path(), &[]);
    assert!(engine.stats().read_only, "known from the start");
}
