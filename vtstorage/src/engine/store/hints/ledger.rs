//! Which hints there are: for each target their numbers, sizes and times, in memory. It persists nothing.

use common::cluster::{HintCount, NodeId};
use common::time::UnixNanos;
use std::collections::BTreeMap;

/// What is known of a hint without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Of its payload
    pub(super) bytes: u32,
    pub(super) received: UnixNanos,
}

/// The hints for one node, by number.
#[derive(Clone, Debug, Default)]
struct Target {
    hints: BTreeMap<u64, Entry>,
    /// Hints that are being stored
    pending: u64,
    /// Of both
    bytes: u64,
}

/// All hints.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    targets: BTreeMap<NodeId, Target>,
    /// Bytes of hints that are there or are being stored
    held: u64,
    /// The last number given out
    last: u64,
}

impl Ledger {
    /// Makes room for a hint of so many bytes, which counts from now on; gives its number, unless all would be more than
    /// `most`.
    pub(super) fn reserve(&mut self, target: NodeId, bytes: u32, most: u64) -> Option<u64> {
        let held = self.held.saturating_add(u64::from(bytes));
        if held > most {
            return None;
        }
        self.held = held;
        let target = self.targets.entry(target).or_default();
        target.pending += 1;
        target.bytes += u64::from(bytes);
        self.last += 1;
        Some(self.last)
    }

    /// A hint was not stored for which there was room made.
    pub(super) fn release(&mut self, target: NodeId, bytes: u32) {
        self.held = self.held.saturating_sub(u64::from(bytes));
        if let Some(known) = self.targets.get_mut(&target) {
            known.pending = known.pending.saturating_sub(1);
            known.bytes = known.bytes.saturating_sub(u64::from(bytes));
            self.forget_empty(target);
        }
    }

    /// A hint is stored for which there was room made.
    pub(super) fn add(&mut self, target: NodeId, number: u64, entry: Entry) {
        let target = self.targets.entry(target).or_default();
        target.pending = target.pending.saturating_sub(1);
        target.hints.insert(number, entry);
    }

    /// A hint was found at the start.
    pub(super) fn restore(&mut self, target: NodeId, number: u64, entry: Entry) {
        self.last = self.last.max(number);
        self.held += u64::from(entry.bytes);
        let target = self.targets.entry(target).or_default();
        target.bytes += u64::from(entry.bytes);
        target.hints.insert(number, entry);
    }

    fn forget_empty(&mut self, target: NodeId) {
        let known = self.targets.get(&target);
        if known.is_some_and(|known| known.hints.is_empty() && known.pending == 0) {
            self.targets.remove(&target);
        }
    }

    /// Forgets hints; gives the bytes of them.
    pub(super) fn remove(&mut self, target: NodeId, numbers: &[u64]) -> u64 {
        let Some(known) = self.targets.get_mut(&target) else {
            return 0;
        };
        let removed = numbers.iter().filter_map(|number| known.hints.remove(number));
        let bytes = removed.map(|entry| u64::from(entry.bytes)).sum();
        known.bytes = known.bytes.saturating_sub(bytes);
        self.held = self.held.saturating_sub(bytes);
        self.forget_empty(target);
        bytes
    }

    /// Bytes of all hints, those that are being stored included.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// The oldest hints after the one with a number, up to so many bytes, but at least one.
    pub(super) fn oldest(&self, target: NodeId, after: u64, most: u64) -> Vec<u64> {
        let hints = self.targets.get(&target).map(|known| known.hints.range(after + 1..));
        let mut sum = 0;
        let fits = |(_, entry): &(&u64, &Entry)| {
            let first = sum == 0;
            sum += u64::from(entry.bytes).max(1);
            first || sum <= most
        };
        hints
            .into_iter()
            .flatten()
            .take_while(fits)
            .map(|(number, _)| *number)
            .collect()
    }

    pub(super) fn has(&self, target: NodeId, number: u64) -> bool {
        let known = self.targets.get(&target);
        known.is_some_and(|known| known.hints.contains_key(&number))
    }

    /// Those that are being stored included.
    pub(super) fn count(&self, target: NodeId) -> HintCount {
        self.targets.get(&target).map_or_else(HintCount::default, Target::count)
    }

    /// The nodes that there are hints for, with the time of the oldest; 0 where all are being stored.
    pub(super) fn targets(&self) -> impl Iterator<Item = (NodeId, HintCount, UnixNanos)> + '_ {
        self.targets.iter().map(|(node, target)| {
            let oldest = target.hints.first_key_value();
            (
                *node,
                target.count(),
                oldest.map_or(UnixNanos(0), |(_, entry)| entry.received),
            )
        })
    }
}

impl Target {
    fn count(&self) -> HintCount {
        HintCount {
            hints: self.hints.len() as u64 + self.pending,
            bytes: self.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);

    fn entry(bytes: u32) -> Entry {
        Entry {
            bytes,
            received: UnixNanos(u64::from(bytes)),
        }
    }

    #[test]
    fn hints_are_counted_and_bounded() {
        let mut ledger = Ledger::default();
        ledger.restore(A, 7, entry(10));
        assert_eq!(ledger.reserve(A, 20, 30), Some(8));
        assert_eq!(ledger.reserve(A, 1, 30), None, "what is being stored takes room");
        assert_eq!(ledger.count(A), HintCount { hints: 2, bytes: 30 });
        ledger.release(A, 20);
        assert_eq!(ledger.reserve(A, 15, 30), Some(9));
        assert_eq!(ledger.count(A), HintCount { hints: 2, bytes: 25 });
        ledger.add(A, 9, entry(15));
        assert_eq!(ledger.count(A), HintCount { hints: 2, bytes: 25 });
        assert_eq!(ledger.remove(A, &[7, 7, 100]), 10);
        assert_eq!(ledger.remove(A, &[9]), 15);
        assert_eq!(ledger.remove(A, &[9]), 0);
        assert_eq!((ledger.count(A), ledger.held()), (HintCount::default(), 0));
        assert_eq!(ledger.targets().count(), 0);
        assert!(ledger.reserve(A, 1, 30).is_some());
        assert_eq!(ledger.count(A).hints, 1);
        ledger.release(A, 1);
        assert_eq!(ledger.targets().count(), 0);
    }

    #[test]
    fn the_oldest_come_first_and_at_least_one() {
        let mut ledger = Ledger::default();
        for number in [3, 1, 2, 9] {
            ledger.restore(A, number, entry(10));
        }
        assert_eq!(ledger.oldest(A, 0, 1), [1]);
        assert_eq!(ledger.oldest(A, 0, 25), [1, 2]);
        assert_eq!(ledger.oldest(A, 2, 1_000), [3, 9]);
        assert!(ledger.oldest(A, 9, 1_000).is_empty() && ledger.oldest(NodeId(2), 0, 9).is_empty());
    }
}
