//! Plans of reading over random histories.

use super::read_plan::run_of;
use super::*;
use crate::ids::Epoch;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const SLOTS: u16 = 256;
const NODES: u64 = 6;

/// A history as (raise of the epoch, replicas).
type Steps = Vec<(u32, Vec<u64>)>;

fn state(histories: &[Steps]) -> ClusterState {
    let member = |id: u64| Member {
        id: NodeId(id),
        addr: String::new(),
        zone: String::new(),
        incarnation: Incarnation(1),
        state: MemberState::Active,
        mark: None,
        generation: 0,
        full: false,
    };
    let history = |steps: &Steps| {
        let mut from = 0;
        let entry = |(raise, replicas): &(u32, Vec<u64>)| {
            from += raise;
            PlacementEntry {
                from: Epoch(from),
                replicas: replicas.iter().copied().map(NodeId).collect(),
                after_day: 0,
            }
        };
        steps.iter().map(entry).collect()
    };
    ClusterState {
        cluster: ClusterId(1),
        version: 1,
        epoch: Epoch(40),
        settings: Settings {
            replication_factor: 2,
            slots: SLOTS,
            retention_seconds: 1,
        },
        members: (1..=NODES).map(|id| (NodeId(id), member(id))).collect(),
        placement: Placement {
            slots: histories.iter().map(history).collect(),
        },
        oldest_day: 0,
        sealed: Default::default(),
        placed_at: 0,
        transfers: Default::default(),
    }
}

fn any_histories() -> impl Strategy<Value = Vec<Steps>> {
    let replicas = prop::collection::btree_set(1..=NODES, 0..4).prop_map(|set| set.into_iter().collect());
    let history = prop::collection::vec((1u32..5, replicas), 1..6);
    // Neighbours often lie on the same nodes.
    let runs = prop::collection::vec((history, 1..12usize), usize::from(SLOTS));
    runs.prop_map(|runs| {
        let slots = runs
            .into_iter()
            .flat_map(|(history, run)| std::iter::repeat_n(history, run));
        slots.take(usize::from(SLOTS)).collect()
    })
}

/// How often each (slot, epoch) is in the scopes; the last epoch stands for all after it.
fn count<'a>(scopes: impl IntoIterator<Item = &'a Scope>) -> HashMap<(Slot, u32), u32> {
    let mut counts = HashMap::new();
    for range in scopes.into_iter().flat_map(|scope| &scope.ranges) {
        let (first, last) = (range.epochs.0.0, range.epochs.1.0);
        for slot in range.slots.iter() {
            for epoch in (first..=last.min(40)).chain((last > 40).then_some(u32::MAX)) {
                *counts.entry((slot, epoch)).or_default() += 1;
            }
        }
    }
    counts
}

/// What must be read: every epoch from the first of a slot's history on, as far as it was asked for.
fn expected(state: &ClusterState, asked: &Scope) -> HashMap<(Slot, u32), u32> {
    let mut all = count([asked]);
    all.retain(|(slot, epoch), _| {
        state
            .placement
            .history(*slot)
            .first()
            .is_some_and(|e| e.from.0 <= *epoch)
    });
    all
}

fn check(state: &ClusterState, asked: &Scope, plan: &ReadPlan, usable: &BTreeSet<NodeId>) {
    let scopes = plan.nodes.values().chain([&plan.missing]);
    assert_eq!(count(scopes), expected(state, asked));
    for (node, scope) in &plan.nodes {
        assert!(usable.contains(node) && !scope.is_empty());
        assert!(state.holds(*node, scope));
        for (slot, epoch) in count([scope]).keys() {
            assert!(state.placement.replicas(*slot, Epoch(*epoch)).contains(node));
        }
    }
    for (slot, epoch) in count([&plan.missing]).keys() {
        let replicas = state.placement.replicas(*slot, Epoch(*epoch));
        assert!(replicas.iter().all(|node| !usable.contains(node)));
    }
}

proptest! {
    #[test]
    fn everything_is_read_once_or_reported_missing(
        histories in any_histories(),
        alive in prop::collection::btree_set(1..=NODES, 0..=NODES as usize),
        slots in prop::collection::btree_set(0..SLOTS, 1..40),
    ) {
        let state = state(&histories);
        let mut usable: BTreeSet<NodeId> = alive.into_iter().map(NodeId).collect();
        for asked in [Scope::all(SLOTS), Scope::of(SLOTS, slots.into_iter().map(Slot).collect())] {
            let mut plan = plan_reads(&state, &asked, |id| usable.contains(&id));
            check(&state, &asked, &plan, &usable);
            // Nodes fail one after the other: what each was asked for goes to others.
            while let Some((dead, scope)) = plan.nodes.pop_first() {
                usable.remove(&dead);
                let again = plan_reads(&state, &scope, |id| usable.contains(&id));
                check(&state, &scope, &again, &usable);
                plan = again;
            }
            usable = state.members.keys().copied().collect();
        }
    }
}

#[test]
fn a_node_holds_no_longer_what_a_newer_placement_gave_away() {
    let mut histories: Vec<Steps> = vec![vec![(1, vec![1])]; usize::from(SLOTS)];
    let all = Scope::all(SLOTS);
    assert!(state(&histories).holds(NodeId(1), &all));
    histories[3].push((1, vec![2]));
    let newer = state(&histories);
    assert!(!newer.holds(NodeId(1), &all) && !newer.holds(NodeId(2), &all));
    let others = SlotSet::all(SLOTS).without(&[Slot(3)].into_iter().collect());
    assert!(newer.holds(NodeId(1), &Scope::of(SLOTS, others)));
    assert!(newer.holds(NodeId(2), &Scope::default()));
}

#[test]
fn nodes_get_even_parts_in_one_range_each() {
    let histories: Vec<Steps> = (0..u64::from(SLOTS))
        .map(|slot| vec![(1, vec![1 + slot % 4, 1 + (slot + 1) % 4])])
        .collect();
    let plan = plan_reads(&state(&histories), &Scope::all(SLOTS), |_| true);
    let sizes: BTreeMap<u64, usize> = plan
        .nodes
        .iter()
        .map(|(id, scope)| (id.0, scope.slot_set().len()))
        .collect();
    assert_eq!(sizes, BTreeMap::from([(1, 64), (2, 64), (3, 64), (4, 64)]));
    assert!(plan.nodes.values().all(|scope| scope.ranges.len() == 1));
    assert!(plan.missing.is_empty());
}

#[test]
fn neighbours_on_the_same_nodes_are_read_from_one() {
    let histories: Vec<Steps> = vec![vec![(1, vec![1, 2])]; usize::from(SLOTS)];
    let plan = plan_reads(&state(&histories), &Scope::all(SLOTS), |_| true);
    let slots = plan.nodes[&NodeId(1)].slot_set();
    assert_eq!(slots.len(), 128);
    let run = run_of(SLOTS, NODES as usize);
    assert_eq!(run, 2);
    assert!((0..SLOTS).all(|slot| slots.contains(Slot(slot)) == slots.contains(Slot(slot / run * run))));
    assert_eq!(
        (run_of(1024, 3), run_of(1024, 12), run_of(16, 3), run_of(1, 0)),
        (16, 4, 1, 1)
    );
}

#[test]
fn epochs_that_one_node_reads_are_one_range() {
    let histories: Vec<Steps> = vec![vec![(1, vec![1]), (1, vec![1, 2]), (1, vec![2, 1])]; usize::from(SLOTS)];
    let plan = plan_reads(&state(&histories), &Scope::all(SLOTS), |id| id.0 == 1);
    let epochs: Vec<_> = plan.nodes[&NodeId(1)].ranges.iter().map(|range| range.epochs).collect();
    assert_eq!(epochs, [(Epoch(1), Epoch(u32::MAX))]);
}
