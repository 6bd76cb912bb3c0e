use super::place;
use crate::cluster::{Incarnation, Member, MemberState, NodeId, Owners, Settings};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn settings(slots: u16, replication_factor: u8) -> Settings {
    Settings {
        replication_factor,
        slots,
        retention_seconds: 1,
    }
}

fn member(id: u64, zone: &str) -> Member {
    Member {
        id: NodeId(id),
        addr: String::new(),
        zone: zone.into(),
        incarnation: Incarnation(1),
        state: MemberState::Active,
        mark: None,
        generation: 0,
        full: false,
    }
}

/// `n` members, spread over `zones` zones in turn; ids look random.
fn members(n: u64, zones: u64) -> Vec<Member> {
    (0..n).map(|at| member(id(at), &(at % zones).to_string())).collect()
}

fn id(at: u64) -> u64 {
    (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn loads(owners: &Owners) -> BTreeMap<NodeId, usize> {
    let mut loads = BTreeMap::new();
    for id in owners.iter().flatten() {
        *loads.entry(*id).or_default() += 1;
    }
    loads
}

/// The part of the slot replicas that lie on other nodes than before.
fn moved(before: &Owners, after: &Owners) -> f64 {
    let new = |(a, b): (&Vec<NodeId>, &Vec<NodeId>)| b.iter().filter(|id| !a.contains(id)).count();
    let count: usize = before.iter().zip(after).map(new).sum();
    count as f64 / after.iter().map(Vec::len).sum::<usize>() as f64
}

/// Every slot has `copies` owners; each node has at most ⌈1.05 × mean⌉ slots, and at least ⌊0.95 × mean⌋.
fn check_even(owners: &Owners, nodes: usize, copies: usize) {
    for replicas in owners {
        let distinct: BTreeSet<_> = replicas.iter().collect();
        assert_eq!((distinct.len(), replicas.len()), (copies, copies));
    }
    let mean = (owners.len() * copies) as f64 / nodes as f64;
    let (least, most) = ((0.95 * mean).floor() as usize, (1.05 * mean).ceil() as usize);
    let loads = loads(owners);
    assert_eq!(loads.len(), nodes);
    assert!(
        loads.values().all(|load| (least..=most).contains(load)),
        "{least} to {most}: {loads:?}"
    );
}

#[test]
fn every_number_of_nodes_gets_even_shares_and_one_more_moves_little() {
    for copies in 1..=3 {
        let settings = settings(1024, copies as u8);
        let mut owners = place(&Vec::new(), &members(3, 1), &settings);
        for n in 3..=30u64 {
            let fresh = place(&Vec::new(), &members(n, 1), &settings);
            check_even(&fresh, n as usize, copies);
            check_even(&owners, n as usize, copies);
            let next = place(&owners, &members(n + 1, 1), &settings);
            for (case, part) in [
                ("grown", moved(&owners, &next)),
                ("fresh", moved(&fresh, &place(&fresh, &members(n + 1, 1), &settings))),
            ] {
                assert!(
                    part <= 1.0 / (n + 1) as f64 + 0.05,
                    "{case}: {part} of {n} + 1, RF {copies}"
                );
            }
            owners = next;
        }
    }
}

#[test]
fn slots_that_follow_each_other_mostly_have_the_same_owners() {
    for n in [3, 5, 12] {
        let owners = place(&Vec::new(), &members(n, 1), &settings(1024, 2));
        let breaks = owners.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(breaks < 150, "{n} nodes: {breaks}");
    }
}

#[test]
fn nothing_moves_without_a_reason() {
    let settings = settings(256, 2);
    let all = members(5, 2);
    let owners = place(&Vec::new(), &all, &settings);
    assert_eq!(place(&owners, &all, &settings), owners);
}

#[test]
fn zones_outrank_evenness() {
    let settings = settings(128, 2);
    let mut all = members(5, 1);
    all.push(member(7, "b"));
    let owners = place(&Vec::new(), &all, &settings);
    assert!(owners.iter().all(|replicas| replicas.contains(&NodeId(7))));
    assert!(
        loads(&owners)
            .iter()
            .all(|(id, load)| id.0 == 7 || (23..=28).contains(load))
    );
}

#[test]
fn a_draining_node_gives_all_up_and_a_full_one_takes_nothing() {
    let settings = settings(256, 2);
    let mut all = members(4, 1);
    let owners = place(&Vec::new(), &all, &settings);
    let (full, draining) = (all[0].id, all[1].id);
    all[0].full = true;
    all[1].state = MemberState::Draining;
    let next = place(&owners, &all, &settings);
    for (before, after) in owners.iter().zip(&next) {
        assert_eq!(after.len(), 2);
        assert!(!after.contains(&draining));
        assert_eq!(before.contains(&full), after.contains(&full));
    }
    // Too few others: what the draining nodes had stays.
    all[2].state = MemberState::Draining;
    all[3].state = MemberState::Draining;
    let last = place(&owners, &all, &settings);
    assert!(
        last.iter()
            .zip(&owners)
            .all(|(after, before)| !after.is_empty() && after.len() <= 2 && before.iter().any(|id| after.contains(id)))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn slots_have_their_copies_in_as_many_zones_as_there_are(
        sizes in prop::collection::vec(1u64..6, 1..5),
        changes in prop::collection::vec((0u64..20, 0u64..4, any::<bool>()), 0..4),
        copies in 1u8..4,
        bits in 4u32..9,
    ) {
        let settings = settings(1 << bits, copies);
        let mut all: BTreeMap<u64, Member> = BTreeMap::new();
        for (zone, size) in sizes.iter().enumerate() {
            for at in 0..*size {
                let id = id(zone as u64 * 10 + at);
                all.insert(id, member(id, &zone.to_string()));
            }
        }
        let mut owners = place(&Vec::new(), all.values(), &settings);
        check_spread(&owners, &all, copies);
        for (which, zone, remove) in changes {
            if remove && all.len() > 1 {
                let gone = *all.keys().nth(which as usize % all.len()).unwrap();
                all.remove(&gone);
            } else {
                all.insert(id(100 + which), member(id(100 + which), &zone.to_string()));
            }
            owners = place(&owners, all.values(), &settings);
            check_spread(&owners, &all, copies);
        }
    }
}

fn check_spread(owners: &Owners, all: &BTreeMap<u64, Member>, copies: u8) {
    let zones: BTreeSet<&str> = all.values().map(|member| member.zone.as_str()).collect();
    for replicas in owners {
        let distinct: BTreeSet<_> = replicas.iter().collect();
        let used: BTreeSet<&str> = replicas.iter().map(|id| all[&id.0].zone.as_str()).collect();
        assert_eq!(replicas.len(), usize::from(copies).min(all.len()));
        assert_eq!(distinct.len(), replicas.len());
        assert_eq!(used.len(), zones.len().min(replicas.len()));
    }
}
