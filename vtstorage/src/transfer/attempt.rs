//! One attempt at a transfer: begin it by consensus, drop what an earlier attempt left, fetch and store, compare, and
//! complete it by consensus. An attempt that fails leaves nothing that counts: the node is no replica yet.

use super::worker::Node;
use crate::cluster::ProposeError;
use crate::engine::error::StorageError;
use common::cluster::{
    Command, Event, Placement, Pull, Pulled, ReplicaWrite, Scope, ScopeRange, Slot, SlotDigest, SlotSet, Transfer,
};
use common::contract::WriteError;
use common::ids::RequestId;
use futures::StreamExt as _;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use xxhash_rust::xxh3::xxh3_128;

/// How long this node may take to apply what it had carried out.
const CATCH_UP: Duration = Duration::from_secs(5);

/// A source that gives nothing for so long has failed.
pub(super) const SILENCE: Duration = Duration::from_secs(60);

/// Why an attempt came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Propose(#[from] ProposeError),
    #[error("its source: {0}")]
    Source(WriteError),
    #[error("storing: {0}")]
    Store(WriteError),
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("it was given up")]
    GivenUp,
    #[error("{0}")]
    Other(&'static str),
}

/// What was fetched and stored.
struct Fetched {
    digests: BTreeMap<Slot, SlotDigest>,
}

impl Node {
    /// Makes this node a replica, or fails. While it runs nothing else drops spans here.
    pub(super) async fn attempt(&self, transfer: &Transfer) -> Result<(), Failed> {
        let _scopes = self.scopes.read().await;
        let id = transfer.id;
        let begun = self.cluster.propose(Command::BeginTransfer { id }).await?;
        let attempt = begun.applied.events.iter().find_map(|event| match event {
            Event::TransferBegun { id: begun, attempt } if *begun == id => Some(*attempt),
            _ => None,
        });
        let attempt = attempt.ok_or(Failed::Other("it was not begun"))?;
        let version = begun.applied.version;
        if !self.cluster.wait_version(version, CATCH_UP).await {
            return Err(Failed::Other("this node is behind"));
        }
        let state = self.cluster.state();
        // As it is now: slots may have been taken out of it.
        let running = state.as_ref().and_then(|state| state.transfers.running.get(&id));
        let transfer = running.ok_or(Failed::GivenUp)?.clone();
        let scope = scope_of(&transfer, self.slots()?);
        // As of the version above this node is no replica, and only an attempt that is begun later can make it one.
        let left = self.replicas.discard(scope.clone()).await?;
        if left > 0 {
            tracing::info!(id, attempt, spans = left, "dropped what an earlier attempt has left");
        }
        let pull = Pull {
            scope,
            day: None,
            version,
        };
        let fetched = self.fetch(&transfer, attempt, pull).await?;
        self.replicas.sync().await?;
        self.verify(&transfer, &fetched).await?;
        self.cluster.propose(Command::CompleteTransfer { id, attempt }).await?;
        let spans = fetched.digests.values().map(|digest| digest.spans).sum();
        self.metrics.spans.increment(spans);
        self.metrics.completed.increment(1);
        tracing::info!(id, attempt, from = %transfer.of.from, slots = transfer.of.slots.len(), spans, "transfer completed");
        Ok(())
    }

    fn slots(&self) -> Result<u16, Failed> {
        let state = self.cluster.state();
        state
            .map(|state| state.settings.slots)
            .ok_or(Failed::Other("there is no cluster"))
    }

    async fn fetch(&self, transfer: &Transfer, attempt: u64, pull: Pull) -> Result<Fetched, Failed> {
        let source = (self.route)(transfer.of.from).ok_or(Failed::Other("its source is not known"))?;
        let (scope, slots) = (pull.scope.clone(), pull.scope.slots);
        let mut pulls = source.pull(pull).await.map_err(Failed::Source)?;
        let mut number = 0;
        let silent = |_| Failed::Other("its source is silent");
        while let Some(pulled) = timeout(SILENCE, pulls.next()).await.map_err(silent)? {
            self.wait_while_paused().await;
            if !self.is_running(transfer.id) {
                return Err(Failed::GivenUp);
            }
            match pulled.map_err(Failed::Source)? {
                Pulled::End(digests) => return Ok(Fetched { digests }),
                Pulled::Write(mut write) => {
                    number += 1;
                    check(&write, &scope)?;
                    for part in &mut write.parts {
                        part.id = request_id(transfer.id, attempt, number);
                    }
                    let bytes = write.payload.len();
                    self.pace.wait(bytes).await;
                    self.store(write, slots).await?;
                    self.metrics.bytes.increment(bytes as u64);
                }
            }
        }
        Err(Failed::Other("its source broke off"))
    }

    /// Stores a message; where the node is busy, its clients go first.
    async fn store(&self, write: ReplicaWrite, slots: u16) -> Result<(), Failed> {
        // No client sends what has its ids.
        let placement = Placement::default();
        loop {
            match self.replicas.write(write.clone(), slots, &placement).await {
                Err(WriteError::Overloaded { retry_after, .. }) => sleep(retry_after).await,
                outcome => return outcome.map_err(Failed::Store),
            }
        }
    }

    /// Whether the state still has the transfer.
    pub(super) fn is_running(&self, id: u64) -> bool {
        let state = self.cluster.state();
        state.is_some_and(|state| state.transfers.running.contains_key(&id))
    }

    pub(super) async fn wait_while_paused(&self) {
        let mut states = self.cluster.states();
        // It only fails when the node ends.
        let _ = states
            .wait_for(|state| state.as_ref().is_none_or(|state| !state.transfers.paused))
            .await;
    }

    async fn verify(&self, transfer: &Transfer, fetched: &Fetched) -> Result<(), Failed> {
        let scope = scope_of(transfer, self.slots()?);
        let held = self.replicas.digest(scope).await?;
        let given = fetched
            .digests
            .iter()
            .filter(|(slot, _)| transfer.of.slots.contains(**slot));
        let given: BTreeMap<Slot, SlotDigest> = given.map(|(slot, digest)| (*slot, *digest)).collect();
        match held == given {
            true => Ok(()),
            false => Err(Failed::Other("what was stored is not what its source has")),
        }
    }
}

fn scope_of(transfer: &Transfer, slots: u16) -> Scope {
    let range = ScopeRange {
        epochs: transfer.of.epochs,
        slots: transfer.of.slots.clone(),
    };
    Scope {
        slots,
        ranges: vec![range],
    }
}

/// Whether a write is about what was asked for.
pub(super) fn check(write: &ReplicaWrite, scope: &Scope) -> Result<(), Failed> {
    let asked = scope.slots_at(write.epoch);
    let given = write.parts.iter().fold(SlotSet::new(), |mut all, part| {
        all.extend(&part.slots);
        all
    });
    match given.without(&asked).is_empty() {
        true => Ok(()),
        false => Err(Failed::Other("its source gives what was not asked for")),
    }
}

/// Of one message of an attempt: a message that is stored again is known.
fn request_id(transfer: u64, attempt: u64, number: u64) -> RequestId {
    let text: Vec<u8> = [transfer, attempt, number]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    RequestId(xxh3_128(&text))
}
