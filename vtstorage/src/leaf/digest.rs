//! Digests of slots: which spans are stored, in a few numbers.

use super::identity::{Identities, Unreadable};
use super::scope::RowScope;
use crate::engine::error::StorageError;
use crate::engine::store::{Engine, View};
use common::cluster::{Scope, ScopeRange, Slot, SlotDigest, SlotSet};
use common::time::TimeRange;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

#[cfg(test)]
mod tests;

/// Spans whose hashes are held at a time, where slots are not larger.
const HELD: u64 = 4 << 20;

impl Engine {
    /// The digest of each slot in scope that has spans, over heads and blocks.
    ///
    /// # Errors
    /// When some of it cannot be read.
    pub async fn digest(&self, scope: Scope) -> Result<BTreeMap<Slot, SlotDigest>, StorageError> {
        let (view, lacks) = self.view_of(TimeRange::ALL, Some(&scope));
        if lacks {
            return Err(StorageError::corrupt("store", "some of it is damaged"));
        }
        let finder = self.block_finder();
        tokio::task::spawn_blocking(move || digest(&view, &scope, &|block, why| finder.unreadable(block, why)))
            .await
            .map_err(|_| StorageError::Closed)?
    }
}

/// Looks at some slots after the others, so that memory is bounded.
fn digest(view: &View, scope: &Scope, unreadable: &Unreadable<'_>) -> Result<BTreeMap<Slot, SlotDigest>, StorageError> {
    let heads = view.batches().map(|head| head.batch.rows.len() as u64).sum::<u64>();
    let rows = heads + view.blocks().map(|block| u64::from(block.summary.rows)).sum::<u64>();
    let passes = (rows / HELD + 1).min(u64::from(scope.slots.max(1)));
    let mut all = BTreeMap::new();
    for pass in 0..passes {
        let part = (0..scope.slots).map(Slot);
        let part: SlotSet = part.filter(|slot| u64::from(slot.0) % passes == pass).collect();
        let mut hashes = BySlot::new();
        let mut identities = Identities::new(None, |trace, identity: &[u8]| {
            let slot = Slot::of(trace, scope.slots);
            hashes.entry(slot).or_default().push(xxh3_64(identity));
        });
        identities.meet_view(view, &RowScope::new(restricted(scope, &part)), unreadable)?;
        all.extend(into_digests(hashes));
    }
    Ok(all)
}

fn restricted(scope: &Scope, slots: &SlotSet) -> Scope {
    let range = |range: &ScopeRange| ScopeRange {
        epochs: range.epochs,
        slots: range.slots.intersection(slots),
    };
    Scope {
        slots: scope.slots,
        ranges: scope.ranges.iter().map(range).collect(),
    }
}

/// Hashes of identities by slot.
type BySlot = BTreeMap<Slot, Vec<u64>>;

fn into_digests(hashes: BySlot) -> impl Iterator<Item = (Slot, SlotDigest)> {
    hashes.into_iter().map(|(slot, mut hashes)| {
        hashes.sort_unstable();
        hashes.dedup();
        let digest = SlotDigest {
            spans: hashes.len() as u64,
            sum: hashes.iter().fold(0, |sum: u64, hash| sum.wrapping_add(*hash)),
        };
        (slot, digest)
    })
}
