//! The contract suite on the in-memory reference implementation.

use common::memory::MemoryStore;
use std::sync::Arc;
use tests::contract_suite::{self, Store};

async fn store() -> Store {
    let memory = Arc::new(MemoryStore::new());
    Store::new(memory.clone(), memory)
}

#[tokio::test]
async fn memory_store_keeps_the_contract() {
    contract_suite::run(store).await;
}

#[tokio::test]
async fn memory_store_agrees_with_itself() {
    contract_suite::differential(store, 1, 3).await;
}
