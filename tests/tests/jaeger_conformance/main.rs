//! Jaeger's own integration cases (`../shared/conformance/jaeger`), over real HTTP: 27 searches, whole traces,
//! services and operations, translations, and the cases that Jaeger builds in code; then the traps of the API that
//! no data set covers. Each target runs all of them; what differs between targets is in [`target`].

mod data;
mod envelope;
mod manifest;
mod programmatic;
mod searches;
mod target;
mod translate;

use clap::{Args, Command, FromArgMatches};
use common::memory::MemoryStore;
use data::DataSet;
use std::sync::Arc;
use target::Target;
use tests::cluster::Layout;
use tests::process::Server;
use vtstorage::{Engine, StorageConfig};

/// Everything that holds for any target.
fn all(target: &Target) {
    envelope::run(target);
    programmatic::built_in_code(target);
    let Some(data) = DataSet::find() else { return };
    programmatic::built_from_fixtures(target, &data);
    searches::run(target, &data);
    manifest::run(target, &data);
    translate::run(target, &data);
}

#[test]
fn over_the_memory_store() {
    all(&Target::in_process(|| Arc::new(MemoryStore::new())));
}

#[test]
fn over_the_engine() {
    let directory = tempfile::tempdir().expect("a directory");
    let flags = [
        format!("--storageDataPath={}", directory.path().display()),
        "--storage.minFreeDiskSpaceBytes=0".to_owned(),
    ];
    let command = StorageConfig::augment_args(Command::new("engine").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).expect("flags");
    let config = StorageConfig::from_arg_matches(&matches).expect("flags");
    all(&Target::in_process(|| Engine::open(config).expect("the engine opens")));
}

#[test]
fn over_a_process() {
    all(&Target::process(Server::new()));
}

#[test]
fn over_a_cluster() {
    all(&Target::cluster(Layout::default().replication_factor(1).start()));
}

#[test]
fn over_a_cluster_with_replicas() {
    all(&Target::cluster(Layout::default().start()));
}
