//! From whom a replica can fetch what it has lost of some epochs: pure.

use super::{ClusterState, NodeId, ReadPlan, Scope, ScopeRange, Slot, SlotSet, plan_reads};
use crate::ids::Epoch;
use std::collections::BTreeMap;

/// For all that `node` is a replica of under the epochs, another replica that is in sync and `usable`. What is in
/// `missing` no such replica has.
pub fn plan_repair(
    state: &ClusterState,
    node: NodeId,
    epochs: (Epoch, Epoch),
    usable: impl Fn(NodeId) -> bool,
) -> ReadPlan {
    let mut held: BTreeMap<(Epoch, Epoch), SlotSet> = BTreeMap::new();
    for slot in (0..state.settings.slots).map(Slot) {
        for ((from, end), entry) in state.placement.stretches(slot) {
            let part = (from.max(epochs.0), end.min(epochs.1));
            if part.0 <= part.1 && entry.replicas.contains(&node) {
                held.entry(part).or_default().insert(slot);
            }
        }
    }
    let ranges = held.into_iter().map(|(epochs, slots)| ScopeRange { epochs, slots });
    let scope = Scope {
        slots: state.settings.slots,
        ranges: ranges.collect(),
    };
    plan_reads(state, &scope, |other| {
        other != node && state.in_sync(other) && usable(other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{ClusterId, Command, Incarnation, NewMember, Settings, apply};

    const X: NodeId = NodeId(1);
    const Y: NodeId = NodeId(2);
    const Z: NodeId = NodeId(3);
    const SLOTS: u16 = 16;

    /// Slots lie on X and Y, and from the second epoch on even ones on X and Z.
    fn state() -> ClusterState {
        let member = |id: NodeId| NewMember {
            id,
            addr: format!("node{}:1", id.0),
            zone: String::new(),
            incarnation: Incarnation(1),
        };
        let init = Command::Init {
            cluster: ClusterId(1),
            settings: Settings {
                replication_factor: 2,
                slots: SLOTS,
                retention_seconds: 100,
            },
            members: [X, Y, Z].map(member).into(),
            owners: vec![vec![X, Y]; usize::from(SLOTS)],
            standalone: None,
            last_day: 0,
        };
        let place = Command::Place {
            epoch: Epoch(1),
            owners: (0..SLOTS)
                .map(|slot| vec![X, if slot % 2 == 0 { Z } else { Y }])
                .collect(),
            last_day: 0,
        };
        let mut state = None;
        for command in [init, place] {
            apply(&mut state, &command).unwrap();
        }
        state.unwrap()
    }

    fn slots(plan: &ReadPlan, node: NodeId) -> usize {
        plan.nodes.get(&node).map_or(0, |scope| scope.slot_set().len())
    }

    #[test]
    fn what_a_node_lost_is_fetched_from_the_others_that_hold_it() {
        let state = state();
        let old = plan_repair(&state, X, (Epoch(1), Epoch(1)), |_| true);
        assert_eq!((slots(&old, Y), slots(&old, Z)), (16, 0));
        let new = plan_repair(&state, X, (Epoch(2), Epoch(2)), |_| true);
        assert_eq!((slots(&new, Y), slots(&new, Z), slots(&new, X)), (8, 8, 0));
        assert!(new.missing.is_empty());
        let without = plan_repair(&state, X, (Epoch(2), Epoch(2)), |id| id != Z);
        assert_eq!((slots(&without, Y), without.missing.slot_set().len()), (8, 8));
    }

    #[test]
    fn a_node_lacks_nothing_of_what_others_hold() {
        let state = state();
        let plan = plan_repair(&state, Z, (Epoch(1), Epoch(1)), |_| true);
        assert!(plan.nodes.is_empty() && plan.missing.is_empty());
    }

    #[test]
    fn an_epoch_can_end_without_a_change_of_placement() {
        let mut state = Some(state());
        let before = state.clone().unwrap();
        let next = Command::NextEpoch { epoch: Epoch(2) };
        apply(&mut state, &next).unwrap();
        assert!(apply(&mut state, &next).is_err(), "it is over");
        apply(&mut state, &Command::Seal { epoch: Epoch(2) }).unwrap();
        let after = state.unwrap();
        assert_eq!((after.epoch, after.sealed), (Epoch(3), Epoch(2)));
        assert_eq!(after.placement, before.placement);
        assert_eq!(after.placed_at, before.version + 1);
    }
}
