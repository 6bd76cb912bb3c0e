//! What a node holds and is no replica of: of epochs that are sealed, all that the placement gives to others.

use super::worker::Node;
use common::cluster::{ClusterState, NodeId, Scope, ScopeRange, Slot, SlotSet};
use common::ids::Epoch;
use std::collections::BTreeSet;

/// What a node need not keep of the `stored` epochs by a state. Nothing that a transfer to it is about: that may complete
/// at any moment.
pub(super) fn garbage(state: &ClusterState, node: NodeId, stored: &BTreeSet<Epoch>) -> Scope {
    let slots = state.settings.slots;
    let closed = stored.iter().copied().filter(|epoch| *epoch <= state.sealed);
    let ranges = closed.map(|epoch| ScopeRange {
        epochs: (epoch, epoch),
        slots: foreign(state, node, epoch),
    });
    Scope {
        slots,
        ranges: ranges.filter(|range| !range.slots.is_empty()).collect(),
    }
}

fn foreign(state: &ClusterState, node: NodeId, epoch: Epoch) -> SlotSet {
    let is_foreign = |slot: &Slot| !state.placement.replicas(*slot, epoch).contains(&node);
    let foreign: SlotSet = (0..state.settings.slots).map(Slot).filter(is_foreign).collect();
    let coming = state.transfers.to(node).filter(|transfer| {
        let (first, last) = transfer.of.epochs;
        first <= epoch && epoch <= last
    });
    coming.fold(foreign, |left, transfer| left.without(&transfer.of.slots))
}

/// Whether the node has a part in any transfer.
pub(super) fn is_busy(state: &ClusterState, node: NodeId) -> bool {
    let mut running = state.transfers.running.values();
    running.any(|transfer| [transfer.of.from, transfer.of.to].contains(&node) || transfer.of.leaves == Some(node))
}

impl Node {
    /// Drops what others are replicas of, as of a state that is as new as any.
    ///
    /// # Errors
    /// Says why it was not done, or not all of it.
    pub(super) async fn collect(&self) -> Result<(), String> {
        let _scopes = self.scopes.write().await;
        let state = self.cluster.newest_state().await.map_err(|error| error.to_string())?;
        let id = self.cluster.id();
        if state.member(id).is_none() {
            return Ok(());
        }
        let scope = garbage(&state, id, &self.replicas.epochs());
        if scope.is_empty() {
            return Ok(());
        }
        let dropped = self.replicas.discard(scope).await.map_err(|error| error.to_string())?;
        self.metrics.dropped.increment(dropped);
        if dropped > 0 {
            tracing::info!(spans = dropped, "dropped what other nodes are replicas of now");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::state_of;
    use common::cluster::{Move, PlacementEntry, Transfer};

    const X: NodeId = NodeId(1);
    const Y: NodeId = NodeId(2);

    fn entry(from: u32, replicas: &[NodeId]) -> PlacementEntry {
        PlacementEntry {
            from: Epoch(from),
            replicas: replicas.to_vec(),
            after_day: 0,
        }
    }

    /// Slot 0 moved from X to Y with epoch 3; the others lie on X.
    fn state() -> ClusterState {
        let mut state = state_of(1..=2);
        state.placement.slots = vec![vec![entry(0, &[X])]; 16];
        state.placement.slots[0] = vec![entry(0, &[Y]), entry(3, &[Y])];
        (state.epoch, state.sealed) = (Epoch(3), Epoch(2));
        state
    }

    fn slots(scope: &Scope) -> Vec<(u32, Vec<u16>)> {
        let range = |range: &ScopeRange| (range.epochs.0.0, range.slots.iter().map(|slot| slot.0).collect());
        scope.ranges.iter().map(range).collect()
    }

    #[test]
    fn what_others_hold_of_sealed_epochs_is_garbage() {
        let stored = [1, 2, 3].map(Epoch).into();
        assert_eq!(slots(&garbage(&state(), X, &stored)), [(1, vec![0]), (2, vec![0])]);
        assert!(garbage(&state(), X, &[Epoch(3)].into()).is_empty());
    }

    #[test]
    fn what_is_coming_is_not() {
        let mut state = state();
        state.placement.slots[1] = vec![entry(0, &[X]), entry(3, &[Y])];
        let of = Move {
            slots: [Slot(1)].into_iter().collect(),
            epochs: (Epoch(0), Epoch(2)),
            from: X,
            to: Y,
            leaves: Some(X),
        };
        let stored = [2].map(Epoch).into();
        let without: Vec<u16> = (1..16).collect();
        assert_eq!(slots(&garbage(&state, Y, &stored)), [(2, without)]);
        assert!(!is_busy(&state, Y));
        state.transfers.running.insert(1, Transfer { id: 1, of, attempt: 1 });
        let without: Vec<u16> = (2..16).collect();
        assert_eq!(slots(&garbage(&state, Y, &stored)), [(2, without)]);
        assert!(is_busy(&state, Y) && is_busy(&state, X) && !is_busy(&state, NodeId(3)));
    }
}
