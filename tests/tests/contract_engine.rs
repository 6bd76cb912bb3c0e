//! The contract suite on the storage engine, on its heads, on its blocks and on merged blocks, and the engine against
//! the in-memory reference implementation.

use clap::{Args, Command, FromArgMatches};
use tests::contract_suite::{self, Store};
use vtstorage::{Engine, StorageConfig};

/// A store in a new directory. Settling flushes its heads, and merges its blocks where `merges` says so.
async fn store(merges: bool) -> Store {
    let directory = tempfile::tempdir().expect("a directory");
    let flags = [
        format!("--storageDataPath={}", directory.path().display()),
        "--storage.minFreeDiskSpaceBytes=0".to_owned(),
        "--storage.queryThreads=2".to_owned(),
    ];
    let command = StorageConfig::augment_args(Command::new("engine").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).expect("flags");
    let config = StorageConfig::from_arg_matches(&matches).expect("flags");
    let engine = Engine::open(config).expect("the engine opens");
    let settled = engine.clone();
    let settle = move || {
        let engine = settled.clone();
        async move {
            engine.force_flush().await.expect("a flush");
            if merges {
                engine.force_merge().await.expect("a merge");
            }
        }
    };
    Store::new(engine.clone(), engine).settle_with(settle).keep(directory)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_keeps_the_contract() {
    contract_suite::run(|| store(false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_keeps_the_contract_when_it_merges() {
    contract_suite::run(|| store(true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_agrees_with_the_memory_store() {
    contract_suite::differential(|| store(false), 1_000, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_agrees_with_the_memory_store_when_it_merges() {
    contract_suite::differential(|| store(true), 2_000, 4).await;
}
