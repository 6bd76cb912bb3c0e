//! Storing anew what was lost of a day: of spans that a replica gives, those that are not here.

use super::export::message;
use super::identity::{Identities, Unreadable};
use super::scope::RowScope;
use crate::engine::error::StorageError;
use crate::engine::store::{Engine, View};
use common::cluster::{Placement, ReplicaWrite, Scope};
use common::contract::WriteError;
use common::ids::RequestId;
use hashbrown::HashSet;
use xxhash_rust::xxh3::xxh3_128;

/// Spans that are looked at together, where slots are not larger: so much memory is taken.
const HELD: u64 = 4 << 20;

/// Which spans of a day are stored, of some slots and epochs.
#[derive(Debug, Default)]
pub struct Known {
    spans: HashSet<u128>,
    /// What is given, in messages: for their request ids
    given: u64,
}

impl Known {
    /// The number of spans.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether all spans of another are in it.
    pub fn has_all_of(&self, other: &Self) -> bool {
        other.spans.is_subset(&self.spans)
    }
}

impl Engine {
    /// How many parts the slots are to be cut into, so that one part's spans of a day can be known at a time.
    pub fn portions(&self, day: u32, slots: u16) -> u16 {
        let view = self.view();
        let heads = view.batches().map(|head| head.batch.rows.len() as u64).sum::<u64>();
        let blocks = view.blocks().filter(|block| block.day == day);
        let rows = heads + blocks.map(|block| u64::from(block.summary.rows)).sum::<u64>();
        u16::try_from(rows / HELD + 1).unwrap_or(slots).min(slots.max(1))
    }

    /// Which spans of a day are stored in scope and can be read.
    ///
    /// # Errors
    /// When a block cannot be read that was not known as damaged.
    pub async fn known(&self, day: u32, scope: Scope) -> Result<Known, StorageError> {
        let (view, finder) = (self.view(), self.block_finder());
        tokio::task::spawn_blocking(move || known(&view, day, scope, &|block, why| finder.unreadable(block, why)))
            .await
            .map_err(|_| StorageError::Closed)?
    }

    /// Stores those spans of a write that are not known, and knows them then. `repair` is of this attempt only. The number
    /// of spans.
    ///
    /// # Errors
    /// As of any write.
    pub async fn refill(
        &self,
        write: ReplicaWrite,
        slots: u16,
        repair: u64,
        known: &mut Known,
    ) -> Result<u64, WriteError> {
        let batch = self.decoded(&write)?;
        let mut is_new = Vec::with_capacity(batch.rows.len());
        let mut identities = Identities::new(None, |_, identity: &[u8]| {
            is_new.push(known.spans.insert(xxh3_128(identity)));
        });
        (0..batch.rows.len()).for_each(|row| identities.meet_row(&batch, row));
        let rows = is_new.iter().enumerate().filter(|(_, new)| **new);
        let missing: Vec<usize> = rows.map(|(row, _)| row).collect();
        if missing.is_empty() {
            return Ok(0);
        }
        let spans = missing.len() as u64;
        known.given += 1;
        let mut write = message(&batch, &missing, slots)?;
        let id = [repair, known.given].map(u64::to_be_bytes).concat();
        write
            .parts
            .iter_mut()
            .for_each(|part| part.id = RequestId(xxh3_128(&id)));
        loop {
            // No client sends what has this id.
            match self.write_replica(write.clone(), slots, &Placement::default()).await {
                // Its clients go first.
                Err(WriteError::Overloaded { retry_after, .. }) => tokio::time::sleep(retry_after).await,
                outcome => return outcome.map(|()| spans),
            }
        }
    }
}

fn known(view: &View, day: u32, scope: Scope, unreadable: &Unreadable<'_>) -> Result<Known, StorageError> {
    let mut known = Known::default();
    let mut identities = Identities::new(Some(day), |_, identity: &[u8]| {
        known.spans.insert(xxh3_128(identity));
    });
    identities.meet_view(view, &RowScope::new(scope), unreadable)?;
    Ok(known)
}
