//! What of the store cannot be read. Such a block is out of sight at once and after a restart; its files stay as they
//! are until what it held has been fetched from a replica, or its day is dropped.
//!
//! `record` is what is known of it, `quarantine` takes blocks out of sight and forgets them, `scrub` looks for damage
//! before anybody meets it. Who fetches what is missing is not known here.

mod quarantine;
mod record;
mod scrub;

#[cfg(test)]
mod tests;

pub(crate) use record::DamageRecord;
pub use record::Damaged;

use super::sync::Signal;
use crate::engine::block::{BlockId, StoredBlock};
use crate::engine::error::StorageError;
use common::cluster::Scope;
use common::time::TimeRange;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// The record of damage, and what is to be looked at.
#[derive(Debug)]
pub(crate) struct Damages {
    path: PathBuf,
    state: Mutex<State>,
    /// Blocks that somebody could not read
    suspects: Mutex<BTreeSet<(u32, BlockId)>>,
    /// Wakes the scrub
    pub(crate) signal: Signal,
}

#[derive(Debug, Default)]
struct State {
    record: DamageRecord,
    /// Counts the changes of what is missing
    generation: u64,
    /// Blocks that older views may still have
    held: BTreeMap<(u32, u64), Arc<StoredBlock>>,
}

impl Damages {
    pub(crate) fn open(path: PathBuf) -> Result<Self, StorageError> {
        let record = DamageRecord::read(&path)?;
        for part in &record.parts {
            tracing::warn!(
                day = part.day,
                block = part.block,
                why = part.why,
                "not served: it is damaged"
            );
        }
        let state = State {
            record,
            ..State::default()
        };
        Ok(Self {
            path,
            state: Mutex::new(state),
            suspects: Mutex::default(),
            signal: Signal::default(),
        })
    }

    /// All that is missing.
    pub(crate) fn parts(&self) -> Vec<Damaged> {
        self.state.lock().record.parts.iter().cloned().collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().record.parts.len()
    }

    pub(crate) fn has(&self, day: u32, block: BlockId) -> bool {
        let state = self.state.lock();
        let mut parts = state.record.parts.iter();
        parts.any(|part| part.day == day && part.block == Some(block.0))
    }

    /// Whether something of the day's files is not to be compacted.
    pub(crate) fn spares(&self, day: u32) -> bool {
        let state = self.state.lock();
        state.record.suspect || state.record.days.contains(&day)
    }

    /// Grows with each change of what is missing.
    pub(crate) fn generation(&self) -> u64 {
        self.state.lock().generation
    }

    /// Whether spans within a range and scope are missing.
    pub(crate) fn concern(&self, range: TimeRange, scope: Option<&Scope>) -> bool {
        let state = self.state.lock();
        let mut parts = state.record.parts.iter();
        parts.any(|part| part.concerns(range, scope))
    }

    /// Records that something is missing from now on. False if it was known.
    pub(crate) fn add(&self, part: Damaged, block: Option<Arc<StoredBlock>>) -> bool {
        let key = (part.day, part.block);
        self.change(|state| {
            let known = state.record.parts.iter().any(|known| (known.day, known.block) == key);
            if !known {
                state.record.days.insert(part.day);
                state.record.parts.insert(part);
                let held = key.1.zip(block).map(|(id, block)| ((key.0, id), block));
                state.held.extend(held);
            }
            !known
        })
    }

    /// Forgets what is missing no more. Gives the blocks that older views may have.
    pub(crate) fn remove(&self, parts: &[Damaged]) -> Vec<Arc<StoredBlock>> {
        self.change(|state| {
            let mut held = Vec::new();
            for part in parts {
                state.record.parts.remove(part);
                held.extend(part.block.and_then(|id| state.held.remove(&(part.day, id))));
            }
            held
        })
    }

    /// A day is no longer kept.
    pub(crate) fn forget_day(&self, day: u32) {
        self.change(|state| {
            state.record.parts.retain(|part| part.day != day);
            state.held.retain(|(of, _), _| *of != day);
        });
    }

    /// The files of a day are gone.
    pub(crate) fn forget_files(&self, day: u32) {
        self.change(|state| state.record.days.remove(&day));
    }

    /// Whether RocksDB has stopped at a damaged file, of a day that is not known.
    pub(crate) fn set_suspect(&self, suspect: bool) {
        self.change(|state| state.record.suspect = suspect);
    }

    pub(crate) fn is_suspect(&self) -> bool {
        self.state.lock().record.suspect
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let before = state.record.clone();
        let outcome = change(&mut state);
        if state.record == before {
            return outcome;
        }
        if state.record.parts != before.parts {
            state.generation += 1;
        }
        if let Err(error) = state.record.write(&self.path) {
            // It is known until the end of the process, and found again after.
            tracing::error!(%error, "the record of damage cannot be written");
        }
        metrics::gauge!("vt_damaged_blocks").set(state.record.parts.len() as f64);
        outcome
    }

    /// Somebody could not read a block: it is to be looked at.
    pub(crate) fn suspect(&self, day: u32, block: BlockId) {
        if self.suspects.lock().insert((day, block)) {
            self.signal.raise();
        }
    }

    fn take_suspects(&self) -> BTreeSet<(u32, BlockId)> {
        std::mem::take(&mut *self.suspects.lock())
    }
}
