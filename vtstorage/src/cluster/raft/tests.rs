//! The consensus library's own suite over the log and the state, on each disk.

use super::log::LogStore;
use super::machine::StateMachine;
use super::types::{StorageError, TypeConfig};
use crate::cluster::disk::{MemoryDisk, MetaDisk, RocksDisk};
use openraft::testing::{StoreBuilder, Suite};
use std::sync::Arc;
use tempfile::TempDir;

struct OnRocks;
struct InMemory;

fn open(disk: Arc<dyn MetaDisk>) -> (LogStore, StateMachine) {
    (LogStore::open(disk.clone()).unwrap(), StateMachine::open(disk).unwrap())
}

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for OnRocks {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError> {
        let root = tempfile::tempdir().unwrap();
        let (log, machine) = open(Arc::new(RocksDisk::open(&root.path().join("meta")).unwrap()));
        Ok((root, log, machine))
    }
}

impl StoreBuilder<TypeConfig, LogStore, StateMachine, ()> for InMemory {
    async fn build(&self) -> Result<((), LogStore, StateMachine), StorageError> {
        let (log, machine) = open(Arc::new(MemoryDisk::default()));
        Ok(((), log, machine))
    }
}

#[test]
fn the_suite_passes_on_rocksdb() {
    Suite::test_all(OnRocks).unwrap();
}

#[test]
fn the_suite_passes_in_memory() {
    Suite::test_all(InMemory).unwrap();
}
