//! The best traces found so far.

use common::ids::TraceId;
use std::collections::HashMap;

/// Up to a number of traces, by rank (the greatest first), then by trace id.
#[derive(Clone, Debug)]
pub(super) struct Top {
    limit: usize,
    best: Vec<(u64, TraceId)>,
}

impl Top {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            best: Vec::new(),
        }
    }

    /// The least rank that can still get in; `None` while all can.
    pub(super) fn threshold(&self) -> Option<u64> {
        let last = self.limit.checked_sub(1).and_then(|last| self.best.get(last));
        last.map(|(rank, _)| *rank)
    }

    /// Adds traces, each with its rank; of a trace that is there already the greater rank counts.
    pub(super) fn add(&mut self, found: HashMap<TraceId, u64>) {
        if found.is_empty() {
            return;
        }
        let mut all = found;
        for (rank, trace) in self.best.drain(..) {
            let known = all.entry(trace).or_insert(rank);
            *known = rank.max(*known);
        }
        self.best.extend(all.into_iter().map(|(trace, rank)| (rank, trace)));
        self.best.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        self.best.truncate(self.limit);
    }

    /// The best first.
    pub(super) fn into_best(self) -> Vec<(u64, TraceId)> {
        self.best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_stay_and_a_trace_counts_once() {
        let id = |n: u8| TraceId([n; 16]);
        let mut top = Top::new(2);
        assert_eq!(top.threshold(), None);
        top.add([(id(1), 5), (id(2), 7)].into());
        assert_eq!(top.threshold(), Some(5));
        top.add([(id(1), 9), (id(3), 7)].into());
        assert_eq!(top.threshold(), Some(7));
        top.add([(id(4), 6)].into());
        assert_eq!(top.into_best(), [(9, id(1)), (7, id(2))]);
    }
}
