//! Moves of stored spans over random schedules: nothing is lost and nothing is read twice, at any step.

use super::*;
use crate::ids::Epoch;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SLOTS: u16 = 8;
const NODES: u64 = 5;
const LIMITS: MoveLimits = MoveLimits { per_node: 2, slots: 3 };

fn new_member(id: u64, incarnation: u128) -> NewMember {
    NewMember {
        id: NodeId(id),
        addr: format!("node-{id}:1"),
        zone: String::new(),
        incarnation: Incarnation(incarnation),
    }
}

/// A span in one slot under one epoch; which of them there are is all that matters.
type Span = (Slot, Epoch, u32);

/// A cluster whose nodes hold spans as real ones do: what is written goes to all owners, a transfer copies, and what is
/// not theirs is dropped.
struct World {
    state: Option<ClusterState>,
    held: BTreeMap<NodeId, BTreeSet<Span>>,
    /// What each running transfer has copied so far
    copied: BTreeMap<u64, BTreeSet<Span>>,
    written: BTreeSet<Span>,
    /// Spans of which every replica was on a disk that was lost
    lost: BTreeSet<Span>,
    next: u32,
}

impl World {
    fn new(replication_factor: u8, nodes: u64) -> Self {
        let settings = Settings {
            replication_factor,
            slots: SLOTS,
            retention_seconds: 3600,
        };
        let members: Vec<NewMember> = (1..=nodes).map(|id| new_member(id, 1)).collect();
        let mut state = None;
        let owners = vec![vec![NodeId(1)]; usize::from(SLOTS)];
        let init = Command::Init {
            cluster: ClusterId(7),
            settings,
            members,
            owners,
            standalone: Some(NodeId(1)),
            last_day: 100,
        };
        apply(&mut state, &init).unwrap();
        let mut world = Self {
            state,
            held: BTreeMap::new(),
            copied: BTreeMap::new(),
            written: BTreeSet::new(),
            lost: BTreeSet::new(),
            next: 0,
        };
        world.write();
        world
    }

    fn state(&self) -> &ClusterState {
        self.state.as_ref().unwrap()
    }

    fn run(&mut self, command: &Command) -> Result<Vec<Event>, Refused> {
        let before = self.state.clone();
        let applied = apply(&mut self.state, command);
        if applied.is_err() {
            assert_eq!(self.state, before, "{command:?}");
        }
        Ok(applied?.events)
    }

    /// A span into each slot, under the present epoch.
    fn write(&mut self) {
        let state = self.state().clone();
        self.next += 1;
        for slot in (0..SLOTS).map(Slot) {
            let span = (slot, state.epoch, self.next);
            self.written.insert(span);
            for owner in state.placement.owners(slot) {
                self.held.entry(*owner).or_default().insert(span);
            }
        }
    }

    fn place(&mut self) {
        let state = self.state();
        let owners = place(&state.placement.all_owners(), state.members.values(), &state.settings);
        let epoch = state.epoch;
        let last_day = 100;
        let _ = self.run(&Command::Place {
            epoch,
            owners,
            last_day,
        });
    }

    /// What the leader does by itself.
    fn lead(&mut self) {
        self.place();
        let moves = plan_moves(self.state(), LIMITS, |_| true);
        self.run(&Command::PlanMoves(moves.begin))
            .map(drop)
            .unwrap_or_else(|why| assert_eq!(why, Refused::Paused));
        for Release { slots, epochs, node } in moves.release {
            let _ = self.run(&Command::Release { slots, epochs, node });
        }
    }

    fn seal(&mut self) {
        let epoch = Epoch(self.state().epoch.0 - 1);
        self.run(&Command::Seal { epoch }).unwrap();
    }

    fn nth_transfer(&self, nth: usize) -> Option<Transfer> {
        let running = &self.state().transfers.running;
        running.values().nth(nth % running.len().max(1)).cloned()
    }

    /// The target of a transfer drops what it has of it, and begins anew.
    fn begin(&mut self, nth: usize) {
        let Some(transfer) = self.nth_transfer(nth) else { return };
        if self.run(&Command::BeginTransfer { id: transfer.id }).is_ok() {
            self.copied.remove(&transfer.id);
        }
    }

    fn copy(&mut self, nth: usize) {
        let Some(transfer) = self.nth_transfer(nth).filter(|transfer| transfer.attempt > 0) else {
            return;
        };
        let in_scope = |span: &&Span| {
            transfer.of.slots.contains(span.0) && (transfer.of.epochs.0..=transfer.of.epochs.1).contains(&span.1)
        };
        let held = self.held.get(&transfer.of.from).into_iter().flatten();
        let copied: BTreeSet<Span> = held.filter(in_scope).copied().collect();
        self.copied.insert(transfer.id, copied);
    }

    fn complete(&mut self, nth: usize) {
        let Some(transfer) = self.nth_transfer(nth) else { return };
        let Some(copied) = self.copied.get(&transfer.id).cloned() else {
            return;
        };
        let (id, attempt) = (transfer.id, transfer.attempt);
        if self.run(&Command::CompleteTransfer { id, attempt }).is_ok() {
            self.held.entry(transfer.of.to).or_default().extend(copied);
        }
    }

    /// Nodes drop what the placement does not give them.
    fn collect(&mut self) {
        let placement = &self.state.as_ref().unwrap().placement;
        for (node, held) in &mut self.held {
            held.retain(|(slot, epoch, _)| placement.replicas(*slot, *epoch).contains(node));
        }
    }

    fn lose_disk(&mut self, id: u64, incarnation: u128) {
        let member = new_member(id, incarnation);
        let known = self
            .state()
            .member(NodeId(id))
            .is_some_and(|known| known.incarnation != member.incarnation);
        if !known {
            return;
        }
        self.run(&Command::UpdateMember { member, last_day: 1 }).unwrap();
        self.held.remove(&NodeId(id));
        self.copied
            .retain(|id, _| self.state.as_ref().unwrap().transfers.running.contains_key(id));
        let placement = &self.state.as_ref().unwrap().placement;
        let lost = self
            .written
            .iter()
            .filter(|span| placement.replicas(span.0, span.1).is_empty());
        self.lost.extend(lost);
    }

    fn lift(&mut self, id: u64) {
        let node = NodeId(id);
        let Some(mark) = self.state().member(node).and_then(|member| member.mark) else {
            return;
        };
        let generation = mark.generation;
        self.run(&Command::BeginClose { node, generation }).unwrap();
        self.run(&Command::Lift { node, generation }).unwrap();
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Write => self.write(),
            Step::Lead => self.lead(),
            Step::Seal => self.seal(),
            Step::Begin(nth) => self.begin(nth),
            Step::Copy(nth) => self.copy(nth),
            Step::Complete(nth) => self.complete(nth),
            Step::Collect => self.collect(),
            Step::Cancel(nth) => {
                if let Some(transfer) = self.nth_transfer(nth) {
                    self.run(&Command::CancelTransfer { id: transfer.id }).unwrap();
                }
            }
            Step::Join(id) => drop(self.run(&Command::AddMember(new_member(id, 1)))),
            Step::Drain(id) => drop(self.run(&Command::Drain { node: NodeId(id) })),
            Step::Rejoin(id) => drop(self.run(&Command::Rejoin { node: NodeId(id) })),
            Step::Away(id) => drop(self.run(&Command::SetAway { node: NodeId(id) })),
            Step::Remove(id) => {
                if self.run(&Command::Remove { node: NodeId(id) }).is_ok() {
                    self.held.remove(&NodeId(id));
                }
            }
            Step::Lose(id, incarnation) => self.lose_disk(id, incarnation),
            Step::Lift(id) => self.lift(id),
            Step::Factor(factor) => {
                let settings = Settings {
                    replication_factor: factor,
                    ..self.state().settings.clone()
                };
                self.run(&Command::SetSettings(settings)).unwrap();
            }
            Step::Pause(paused) => drop(self.run(&Command::PauseTransfers { paused })),
        }
    }

    /// What all nodes give for the plan that the state leads to, if they answer from what they hold.
    fn check_reads(&self) {
        let plan = plan_reads(self.state(), &Scope::all(SLOTS), |_| true);
        let mut read: Vec<Span> = Vec::new();
        for (node, scope) in &plan.nodes {
            assert!(self.state().holds(*node, scope));
            let in_scope = |span: &&Span| {
                let mut ranges = scope.ranges.iter();
                ranges.any(|range| range.slots.contains(span.0) && (range.epochs.0..=range.epochs.1).contains(&span.1))
            };
            read.extend(self.held.get(node).into_iter().flatten().filter(in_scope));
        }
        read.sort_unstable();
        assert!(read.windows(2).all(|pair| pair[0] != pair[1]), "a span is read twice");
        let read: BTreeSet<Span> = read.into_iter().collect();
        let expected: BTreeSet<Span> = self.written.difference(&self.lost).copied().collect();
        assert_eq!(read, expected);
    }

    /// Every replica has all that was written and is not lost.
    fn check_replicas(&self) {
        let placement = &self.state().placement;
        for (slot, epoch, number) in self.written.difference(&self.lost) {
            for node in placement.replicas(*slot, *epoch) {
                let held = self
                    .held
                    .get(node)
                    .is_some_and(|held| held.contains(&(*slot, *epoch, *number)));
                assert!(held, "{node} lacks {slot:?} {epoch:?}");
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write,
    Lead,
    Seal,
    Begin(usize),
    Copy(usize),
    Complete(usize),
    Collect,
    Cancel(usize),
    Join(u64),
    Drain(u64),
    Rejoin(u64),
    Away(u64),
    Remove(u64),
    Lose(u64, u128),
    Lift(u64),
    Factor(u8),
    Pause(bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    let node = || 1u64..=NODES;
    let nth = || 0usize..4;
    prop_oneof![
        3 => Just(Step::Write),
        6 => Just(Step::Lead),
        4 => Just(Step::Seal),
        8 => nth().prop_map(Step::Begin),
        8 => nth().prop_map(Step::Copy),
        8 => nth().prop_map(Step::Complete),
        2 => Just(Step::Collect),
        1 => nth().prop_map(Step::Cancel),
        2 => node().prop_map(Step::Join),
        1 => node().prop_map(Step::Drain),
        1 => node().prop_map(Step::Rejoin),
        1 => node().prop_map(Step::Away),
        1 => node().prop_map(Step::Remove),
        1 => (node(), 1u128..4).prop_map(|(id, incarnation)| Step::Lose(id, incarnation)),
        3 => node().prop_map(Step::Lift),
        1 => (1u8..4).prop_map(Step::Factor),
        1 => any::<bool>().prop_map(Step::Pause),
    ]
}

/// Lets everything that is to be moved be moved.
fn finish(world: &mut World) {
    world.step(&Step::Pause(false));
    for id in 1..=NODES {
        world.lift(id);
    }
    for _ in 0..200 {
        world.lead();
        world.seal();
        if plan_moves(world.state(), LIMITS, |_| true).left == 0 {
            return;
        }
        while world.nth_transfer(0).is_some() {
            world.begin(0);
            world.copy(0);
            world.complete(0);
            world.check_reads();
        }
    }
    let state = world.state();
    let lost = |slot| {
        state
            .placement
            .history(slot)
            .iter()
            .any(|entry| entry.replicas.is_empty())
    };
    assert!((0..SLOTS).map(Slot).any(lost), "moves do not end: {state:?}");
}

proptest! {
    #[test]
    fn every_span_is_read_once_whatever_moves(
        factor in 1u8..3, nodes in 1u64..=3, steps in prop::collection::vec(any_step(), 1..120),
    ) {
        let mut world = World::new(factor, nodes);
        for step in &steps {
            world.step(step);
            world.check_reads();
            world.check_replicas();
        }
        finish(&mut world);
        world.check_reads();
        world.check_replicas();
    }
}

/// Makes a cluster of nodes 1 to `nodes` in which everything lies where it belongs.
fn settled(factor: u8, nodes: u64) -> World {
    let mut world = World::new(factor, nodes);
    finish(&mut world);
    world
}

#[test]
fn a_node_of_its_own_becomes_a_cluster() {
    let world = settled(2, 3);
    let state = world.state();
    for slot in (0..SLOTS).map(Slot) {
        assert_eq!(state.placement.history(slot).len(), 1, "the history became one entry");
        assert_eq!(state.placement.replicas(slot, Epoch(0)).len(), 2);
    }
    assert!(world.held.values().all(|held| !held.is_empty()));
}

#[test]
fn a_drained_node_is_named_nowhere_in_the_end() {
    let mut world = settled(2, 4);
    world.step(&Step::Drain(3));
    world.write();
    finish(&mut world);
    world.check_reads();
    assert!(!world.state().placement.names(NodeId(3)));
    world.run(&Command::Remove { node: NodeId(3) }).unwrap();
}

#[test]
fn the_replication_factor_goes_up_and_down() {
    let mut world = settled(1, 3);
    for factor in [2, 3, 2, 1] {
        world.step(&Step::Factor(factor));
        world.write();
        finish(&mut world);
        world.collect();
        world.check_reads();
        let copies = world.held.values().map(BTreeSet::len).sum::<usize>();
        assert_eq!(copies, world.written.len() * usize::from(factor));
    }
}

#[test]
fn what_is_not_sealed_is_not_moved() {
    let mut world = World::new(2, 3);
    world.place();
    let moves = plan_moves(world.state(), LIMITS, |_| true);
    assert!(
        moves.begin.iter().all(|of| of.epochs == (Epoch(0), Epoch(0))),
        "{moves:?}"
    );
    let of = Move {
        slots: SlotSet::all(SLOTS),
        epochs: (Epoch(1), Epoch(1)),
        from: NodeId(1),
        to: NodeId(2),
        leaves: None,
    };
    assert!(matches!(
        world.run(&Command::PlanMoves(vec![of])),
        Err(Refused::BadMove(_))
    ));
    let early = Command::Seal { epoch: Epoch(9) };
    assert_eq!(world.run(&early), Err(Refused::NotOver(Epoch(9))));
}

#[test]
fn a_transfer_begun_anew_is_not_completed_by_the_first_attempt() {
    let mut world = World::new(2, 3);
    world.lead();
    world.seal();
    world.lead();
    let id = world.nth_transfer(0).unwrap().id;
    let begin = Command::BeginTransfer { id };
    assert_eq!(world.run(&begin), Ok(vec![Event::TransferBegun { id, attempt: 1 }]));
    assert_eq!(world.run(&begin), Ok(vec![Event::TransferBegun { id, attempt: 2 }]));
    let complete = |attempt| Command::CompleteTransfer { id, attempt };
    assert_eq!(world.run(&complete(1)), Err(Refused::NoTransfer(id)));
    assert_eq!(world.run(&complete(2)).unwrap()[0], Event::TransferCompleted(id));
    assert_eq!(world.run(&complete(2)), Err(Refused::NoTransfer(id)));
}

#[test]
fn nobody_sends_or_takes_more_than_the_limit() {
    let mut world = settled(2, 3);
    world.step(&Step::Join(4));
    world.lead();
    world.seal();
    world.lead();
    let running = &world.state().transfers.running;
    assert!(!running.is_empty());
    for node in (1..=4).map(NodeId) {
        assert!(running.values().filter(|transfer| transfer.of.to == node).count() <= LIMITS.per_node);
        assert!(running.values().filter(|transfer| transfer.of.from == node).count() <= LIMITS.per_node);
    }
    assert!(running.values().all(|transfer| transfer.of.slots.len() <= LIMITS.slots));
}

#[test]
fn a_node_without_its_disk_takes_the_place_of_the_one_at_its_address() {
    let mut world = settled(2, 3);
    let member = NewMember {
        addr: "node-2:1".into(),
        ..new_member(9, 1)
    };
    let elsewhere = Command::Supersede {
        old: NodeId(1),
        member: member.clone(),
        last_day: 1,
    };
    assert_eq!(world.run(&elsewhere), Err(Refused::IsMember(NodeId(1))));
    let supersede = Command::Supersede {
        old: NodeId(2),
        member,
        last_day: 1,
    };
    world.run(&supersede).unwrap();
    world.held.remove(&NodeId(2));
    world.check_reads();
    assert!(world.state().placement.names(NodeId(9)) && !world.state().placement.names(NodeId(2)));
    finish(&mut world);
    world.check_reads();
    world.check_replicas();
}
