//! Whether this node may keep a hint, so that none is left behind when a mark is lifted.

use common::cluster::{ClusterState, NodeId};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Counts the hints that are being stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct HintGate {
    under_way: Arc<Mutex<BTreeMap<NodeId, u64>>>,
}

/// The permission to store one hint. To be held until it is durable.
#[derive(Debug)]
pub struct HintPass {
    gate: HintGate,
    target: NodeId,
}

impl HintGate {
    /// Permits a hint if its target bears the mark of this generation, and that is not closing. `state` is asked once the
    /// hint is counted: a state that closes the mark is applied either before, or before the count is.
    pub(crate) fn admit(
        &self,
        target: NodeId,
        generation: u64,
        state: impl FnOnce() -> Option<Arc<ClusterState>>,
    ) -> Option<HintPass> {
        *self.under_way.lock().entry(target).or_default() += 1;
        let pass = HintPass {
            gate: self.clone(),
            target,
        };
        let mark = state()?.member(target)?.mark?;
        (mark.generation == generation && !mark.closing).then_some(pass)
    }

    /// How many are being stored.
    pub(crate) fn under_way(&self, target: NodeId) -> u64 {
        self.under_way.lock().get(&target).copied().unwrap_or(0)
    }
}

impl Drop for HintPass {
    fn drop(&mut self) {
        let mut under_way = self.gate.under_way.lock();
        if let Some(count) = under_way.get_mut(&self.target) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                under_way.remove(&self.target);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::state_of;
    use common::cluster::Mark;

    #[test]
    fn only_hints_of_an_open_mark_are_kept() {
        let gate = HintGate::default();
        let with = |mark| {
            let mut state = state_of(1..=2);
            state.members.get_mut(&NodeId(2)).unwrap().mark = mark;
            Some(Arc::new(state))
        };
        let mark = |generation, closing| Some(Mark { generation, closing });
        let admits = |state| gate.admit(NodeId(2), 3, || state).is_some();
        assert!(admits(with(mark(3, false))));
        assert!(!admits(with(mark(3, true))));
        assert!(!admits(with(mark(2, false))));
        assert!(!admits(with(None)));
        assert!(!admits(None));
        assert_eq!(gate.under_way(NodeId(2)), 0);
        let pass = gate.admit(NodeId(2), 3, || with(mark(3, false)));
        assert_eq!((gate.under_way(NodeId(2)), gate.under_way(NodeId(1))), (1, 0));
        drop(pass);
        assert_eq!(gate.under_way(NodeId(2)), 0);
    }
}
