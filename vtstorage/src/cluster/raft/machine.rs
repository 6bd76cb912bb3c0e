//! The replicated state on one node: commands are applied to it, and it is made durable together with what was applied
//! last. What a command means is [`common::cluster::apply`]'s matter.

use super::Reply;
use super::log::{decode, encode, unknown};
use super::types::{Entry, LogId, Snapshot, SnapshotMeta, StorageError, StorageIoError, StoredMembership, TypeConfig};
use crate::cluster::disk::{Batch, Family, MetaDisk};
use common::cluster::ClusterState;
use openraft::storage::RaftStateMachine;
use openraft::{AnyError, EntryPayload, OptionalSend, RaftSnapshotBuilder};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::io::{self, Cursor};
use std::sync::Arc;
use tokio::sync::watch;

pub(super) const STATE: &[u8] = b"state";
pub(super) const APPLIED: &[u8] = b"applied";

/// How far the log was applied.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Applied {
    pub(super) last: Option<LogId>,
    membership: StoredMembership,
}

/// The state of one node. Clones share it.
#[derive(Clone)]
pub(crate) struct StateMachine {
    disk: Arc<dyn MetaDisk>,
    machine: Arc<Mutex<Machine>>,
    states: watch::Sender<Option<Arc<ClusterState>>>,
}

#[derive(Default)]
struct Machine {
    current: Current,
    /// The newest, not durable: it is made anew when it is needed
    snapshot: Option<(SnapshotMeta, Vec<u8>)>,
    /// How many were made
    snapshots: u64,
}

/// What is durable.
#[derive(Clone, Default)]
struct Current {
    state: Option<Arc<ClusterState>>,
    applied: Applied,
}

impl StateMachine {
    /// Reads the state. Each later one goes to `states` once it is durable. Blocks.
    ///
    /// # Errors
    /// When the disk fails, or holds something else.
    pub(crate) fn open(disk: Arc<dyn MetaDisk>) -> io::Result<Self> {
        let mut machine = Machine::default();
        for (key, value) in disk.load(Family::State)? {
            match key.as_slice() {
                STATE => machine.current.state = decode(&value)?,
                APPLIED => machine.current.applied = decode(&value)?,
                other => return Err(unknown(other)),
            }
        }
        let states = watch::Sender::new(machine.current.state.clone());
        let machine = Arc::new(Mutex::new(machine));
        Ok(Self { disk, machine, states })
    }

    /// The state as it is applied; `None` before the cluster is made.
    pub(crate) fn states(&self) -> watch::Receiver<Option<Arc<ClusterState>>> {
        self.states.subscribe()
    }

    /// Makes `next` durable, and then seen.
    async fn commit(&self, next: Current, state_changed: bool) -> io::Result<()> {
        let mut batch = Batch::default();
        batch.put(Family::State, APPLIED, encode(&next.applied)?);
        if state_changed {
            batch.put(Family::State, STATE, encode(&next.state)?);
        }
        self.disk.commit(batch).await?;
        let state = next.state.clone();
        self.machine.lock().current = next;
        if state_changed {
            self.states.send_replace(state);
        }
        Ok(())
    }
}

impl Current {
    /// Applies one entry; the reply, and whether the state is another one now.
    fn apply(&mut self, entry: Entry) -> (Reply, bool) {
        self.applied.last = Some(entry.log_id);
        let before = self.state.as_ref().map(Arc::as_ptr);
        let reply = match entry.payload {
            EntryPayload::Blank => Reply::default(),
            EntryPayload::Normal(command) => Reply::apply(&mut self.state, &command),
            EntryPayload::Membership(membership) => {
                self.applied.membership = StoredMembership::new(Some(entry.log_id), membership);
                Reply::default()
            }
        };
        (reply, self.state.as_ref().map(Arc::as_ptr) != before)
    }
}

impl RaftSnapshotBuilder<TypeConfig> for StateMachine {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let mut machine = self.machine.lock();
        let failed = |error: io::Error| StorageIoError::read_state_machine(AnyError::new(&error));
        let Current { state, applied } = &machine.current;
        let data = encode(state).map_err(failed)?;
        let at = applied.last.map_or(0, |last| last.index);
        let meta = SnapshotMeta {
            last_log_id: applied.last,
            last_membership: applied.membership.clone(),
            snapshot_id: format!("{at}-{}", machine.snapshots),
        };
        machine.snapshots += 1;
        machine.snapshot = Some((meta.clone(), data.clone()));
        Ok(Snapshot {
            meta,
            snapshot: Box::new(Cursor::new(data)),
        })
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let machine = self.machine.lock();
        let applied = &machine.current.applied;
        Ok((applied.last, applied.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Reply>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut next = self.machine.lock().current.clone();
        let mut changed = false;
        let mut replies = Vec::new();
        for entry in entries {
            let (reply, changes) = next.apply(entry);
            replies.push(reply);
            changed |= changes;
        }
        let committed = self.commit(next, changed).await;
        committed.map_err(|error| StorageIoError::write_state_machine(AnyError::new(&error)))?;
        Ok(replies)
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let data = snapshot.into_inner();
        let failed = |error: io::Error| StorageIoError::write_snapshot(Some(meta.signature()), AnyError::new(&error));
        let next = Current {
            state: decode(&data).map_err(failed)?,
            applied: Applied {
                last: meta.last_log_id,
                membership: meta.last_membership.clone(),
            },
        };
        self.commit(next, true).await.map_err(failed)?;
        self.machine.lock().snapshot = Some((meta.clone(), data));
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let machine = self.machine.lock();
        Ok(machine.snapshot.as_ref().map(|(meta, data)| Snapshot {
            meta: meta.clone(),
            snapshot: Box::new(Cursor::new(data.clone())),
        }))
    }
}
