//! Damage on the disk: whatever bits flip, an answer is right, or partial, or an error; and what was lost comes back
//! from a replica.

use crate::engine::error::StorageError;
use crate::engine::store::Engine;
use crate::engine::store::testing::{config, environment, message, noon, open, spans, write};
use common::cluster::Scope;
use common::contract::{QueryContext, QueryError, SpanSource};
use common::ids::TenantId;
use common::query::{Answer, Filter, Plan, Projection, RowOrder, RowPart, RowsQuery, Shape};
use common::time::{NANOS_PER_DAY, TimeRange};
use futures::StreamExt;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SLOTS: u16 = 16;
const NO_SCRUB: &str = "--storage.scrubBytesPerSecond=0";
const FAST_SCRUB: &str = "--storage.scrubBytesPerSecond=1GiB";

fn plan() -> Plan {
    let query = RowsQuery {
        projection: Projection::Spans,
        order: RowOrder::Any,
        limit: None,
    };
    Plan {
        tenant: TenantId(0),
        range: TimeRange::ALL,
        filter: Filter::All,
        shape: Shape::Rows(query),
    }
}

/// All spans that an engine gives, as texts, and whether it says that some are missing.
async fn ask(engine: &Engine, partial: bool) -> Result<(BTreeSet<String>, bool), QueryError> {
    let context = QueryContext::unlimited();
    context.allow_partial(partial);
    let mut parts = engine.query(plan(), context.clone()).await?;
    let mut found = BTreeSet::new();
    while let Some(part) = parts.next().await {
        let Answer::Rows { parts, .. } = part? else {
            panic!("other rows")
        };
        for part in parts {
            let RowPart::Spans(spans) = part else {
                panic!("no spans")
            };
            for span in spans {
                assert!(found.insert(format!("{span:?}")), "a span comes twice");
            }
        }
    }
    Ok((found, context.is_partial()))
}

/// Each answer is right, or says that it is not whole.
async fn assert_honest(engine: &Engine, all: &BTreeSet<String>, label: &str) {
    for partial in [true, false] {
        match ask(engine, partial).await {
            Ok((found, false)) => assert_eq!(found, *all, "{label}"),
            Ok((found, true)) => {
                assert!(
                    partial && found.is_subset(all),
                    "{label}: other spans than were written"
                );
            }
            Err(QueryError::Unavailable(_)) => assert!(!partial, "{label}"),
            Err(other) => panic!("{label}: {other}"),
        }
    }
}

/// An engine's directory with spans of two days in several blocks, and what it answers.
async fn written(dir: &Path) -> BTreeSet<String> {
    let engine = open(dir, &[NO_SCRUB]);
    for part in 0..4 {
        write(&engine, message("shop", spans(part * 400, 400, 5)))
            .await
            .unwrap();
        engine.force_flush().await.unwrap();
    }
    let yesterday = spans(1_600, 400, 5).map(|mut span| {
        span.start.0 -= NANOS_PER_DAY;
        span
    });
    write(&engine, message("shop", yesterday)).await.unwrap();
    engine.force_flush().await.unwrap();
    let (all, partial) = ask(&engine, false).await.unwrap();
    assert!(all.len() == 2_000 && !partial);
    engine.shutdown().await.unwrap();
    all
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let into = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &into),
            false => drop(std::fs::copy(entry.path(), into).unwrap()),
        }
    }
}

fn tables(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut tables: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|e| e == "sst"))
        .collect();
    tables.sort();
    tables
}

fn flip(path: &Path, at: u64, bit: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = (at % bytes.len() as u64) as usize;
    bytes[at] ^= 1 << (bit % 8);
    std::fs::write(path, bytes).unwrap();
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        self.0.rotate_left(23) >> 7
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_bits_flip_an_answer_is_right_or_says_that_it_is_not() {
    let origin = tempfile::tempdir().unwrap();
    let all = written(origin.path()).await;
    let mut dice = Dice(7);
    let (mut opened, mut found) = (0, 0);
    for round in 0..60 {
        let dir = tempfile::tempdir().unwrap();
        copy(origin.path(), dir.path());
        let tables = tables(dir.path());
        let path = &tables[(dice.roll() % tables.len() as u64) as usize];
        for _ in 0..=round % 3 {
            flip(path, dice.roll(), dice.roll());
        }
        let scrub = if round % 2 == 0 { FAST_SCRUB } else { NO_SCRUB };
        let engine = match Engine::open_in(config(dir.path(), &[scrub]), environment()) {
            Ok(engine) => engine,
            Err(why) => {
                let text = why.to_string();
                assert!(
                    matches!(why, StorageError::Directory(_)) && text.contains("damaged"),
                    "{text}"
                );
                continue;
            }
        };
        opened += 1;
        for again in 0..2 {
            assert_honest(&engine, &all, &format!("round {round}.{again}")).await;
        }
        found += usize::from(!engine.damaged().is_empty());
        engine.shutdown().await.unwrap();
        drop(engine);
        if let Ok(engine) = Engine::open_in(config(dir.path(), &[NO_SCRUB]), environment()) {
            assert_honest(&engine, &all, &format!("round {round}, after a restart")).await;
        }
    }
    assert!(
        opened > 30 && found > 20,
        "{opened} of 60 opened, damage was found in {found}"
    );
}

/// Flips bits where the chunks of the first blocks of the newer day lie.
async fn damage_chunks(dir: &Path) {
    let engine = open(dir, &[NO_SCRUB]);
    let view = engine.view();
    let family = &view.partitions().next_back().unwrap().partition.chunks.clone();
    let files = engine.shared.rocks.db().live_files().unwrap();
    let file = files.iter().find(|file| file.column_family_name == *family).unwrap();
    let path = dir.join("data").join(file.name.trim_start_matches('/'));
    drop(view);
    engine.shutdown().await.unwrap();
    drop(engine);
    let size = std::fs::metadata(&path).unwrap().len();
    (1..4).for_each(|part| flip(&path, part * size / 8, part));
}

async fn until(label: &str, is_so: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < end, "{label}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scrub_finds_damage_before_anybody_meets_it_and_it_stays_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let all = written(dir.path()).await;
    damage_chunks(dir.path()).await;
    let engine = open(dir.path(), &[FAST_SCRUB]);
    until("damage is found", async || !engine.damaged().is_empty()).await;
    until("all was looked at", async || engine.shared.counters.scrubs.get() > 0).await;
    let damaged = engine.damaged();
    assert!(damaged.iter().all(|part| part.block.is_some() && part.epoch == Some(0)));
    let rest: u64 = engine.view().blocks().map(|block| u64::from(block.summary.rows)).sum();
    assert!((400..2_000).contains(&rest), "the rest is served: {rest}");
    let yesterday = TimeRange::new(
        common::time::UnixNanos(noon().0 - NANOS_PER_DAY),
        common::time::UnixNanos(noon().0 - NANOS_PER_DAY / 2 - 1),
    );
    assert!(engine.lacks_damaged(TimeRange::ALL, None) && !engine.lacks_damaged(yesterday, None));
    let (found, partial) = ask(&engine, true).await.unwrap();
    assert!(partial && found.len() as u64 == rest && found.is_subset(&all));
    assert!(matches!(ask(&engine, false).await, Err(QueryError::Unavailable(_))));
    assert!(
        engine.digest(Scope::all(SLOTS)).await.is_err(),
        "a digest of the rest is none"
    );
    engine.shutdown().await.unwrap();
    drop(engine);
    let engine = open(dir.path(), &[NO_SCRUB]);
    assert_eq!(engine.damaged(), damaged, "it is known without being looked for");
    assert_eq!(
        engine
            .view()
            .blocks()
            .map(|block| u64::from(block.summary.rows))
            .sum::<u64>(),
        rest
    );
    engine.force_merge().await.unwrap();
    assert_eq!(ask(&engine, true).await.unwrap().0, found);
}

/// Fetches what is missing from another engine, as a repair does.
async fn repair(engine: &Engine, from: &Engine, attempt: u64) {
    let damaged = engine.damaged();
    for day in damaged.iter().map(|part| part.day).collect::<BTreeSet<_>>() {
        let scope = Scope::all(SLOTS);
        let mut known = engine.known(day, scope.clone()).await.unwrap();
        let mut exports = from.export_of(scope.clone(), Some(day));
        while let Some(write) = exports.next().await {
            engine.refill(write.unwrap(), SLOTS, attempt, &mut known).await.unwrap();
        }
        assert!(engine.known(day, scope).await.unwrap().has_all_of(&known));
    }
    engine.repaired(damaged).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_comes_back_from_a_replica_once() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let all = written(dir.path()).await;
    copy(dir.path(), other.path());
    damage_chunks(dir.path()).await;
    let (engine, replica) = (open(dir.path(), &[FAST_SCRUB]), open(other.path(), &[NO_SCRUB]));
    until("all was looked at", async || engine.shared.counters.scrubs.get() > 0).await;
    let view = engine.view();
    repair(&engine, &replica, 1).await;
    assert_eq!(ask(&engine, false).await.unwrap(), (all.clone(), false));
    drop(view);
    engine.maintain().await.unwrap();
    engine.force_flush().await.unwrap();
    let scope = Scope::all(SLOTS);
    assert_eq!(
        engine.digest(scope.clone()).await.unwrap(),
        replica.digest(scope).await.unwrap()
    );
    drop(engine);
    let engine = open(dir.path(), &[NO_SCRUB]);
    assert!(engine.damaged().is_empty());
    assert_eq!(ask(&engine, false).await.unwrap(), (all, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_whose_index_is_damaged_is_served_from_its_blocks_and_made_anew() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let all = written(dir.path()).await;
    copy(dir.path(), other.path());
    let (engine, replica) = (open(dir.path(), &[NO_SCRUB]), open(other.path(), &[NO_SCRUB]));
    let day = noon().day();
    engine
        .shared
        .note_index_damage(day, &StorageError::Damaged("a test says so".into()));
    let (found, partial) = ask(&engine, true).await.unwrap();
    assert!(partial && found == all);
    engine.empty_day(day).await.unwrap();
    assert!(ask(&engine, true).await.unwrap().1);
    repair(&engine, &replica, 1).await;
    engine.force_flush().await.unwrap();
    assert_eq!(ask(&engine, false).await.unwrap(), (all, false));
    assert!(!engine.shared.damages.spares(day), "the damaged files are gone");
}
