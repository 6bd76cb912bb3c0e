//! Whether a node holds what it is asked for: pure.

use common::cluster::{ClusterState, NodeId, Scope, Slot};
use common::ids::Epoch;

/// Whether all that is in scope lies on `node`, as the state has it. A plan made from another state may ask for more.
pub(super) fn holds(state: &ClusterState, node: NodeId, scope: &Scope) -> bool {
    let in_range = |slot: Slot, (first, last): (Epoch, Epoch)| {
        let history = state.placement.history(slot);
        let ends = history.iter().skip(1).map(|next| next.from.0.saturating_sub(1));
        let mut entries = history.iter().zip(ends.chain([u32::MAX]));
        entries.all(|(entry, end)| entry.from > last || Epoch(end) < first || entry.replicas.contains(&node))
    };
    let mut ranges = scope.ranges.iter();
    ranges.all(|range| range.slots.iter().all(|slot| in_range(slot, range.epochs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::state_of;
    use common::cluster::{PlacementEntry, ScopeRange, SlotSet};

    #[test]
    fn a_node_holds_what_all_entries_say() {
        let mut state = state_of(1..=3);
        let entry = |from: u32, replicas: &[u64]| PlacementEntry {
            from: Epoch(from),
            replicas: replicas.iter().copied().map(NodeId).collect(),
            after_day: 0,
        };
        state.placement.slots = vec![vec![entry(1, &[1, 2]), entry(4, &[2, 3])]];
        let holds = |node: u64, first: u32, last: u32| {
            let range = ScopeRange {
                epochs: (Epoch(first), Epoch(last)),
                slots: SlotSet::all(1),
            };
            let scope = Scope {
                slots: 1,
                ranges: vec![range],
            };
            super::holds(&state, NodeId(node), &scope)
        };
        assert!(holds(1, 0, 3) && !holds(1, 0, u32::MAX) && !holds(1, 4, 4));
        assert!(holds(2, 0, u32::MAX));
        assert!(holds(3, 4, u32::MAX) && !holds(3, 3, u32::MAX));
    }
}
