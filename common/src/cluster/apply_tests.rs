//! What holds after any commands.

use super::*;
use crate::ids::Epoch;
use proptest::prelude::*;

fn new_member(id: u64, incarnation: u128) -> NewMember {
    NewMember {
        id: NodeId(id),
        addr: format!("node-{id}:1"),
        zone: String::new(),
        incarnation: Incarnation(incarnation),
    }
}

fn init(nodes: u64, replication_factor: u8, standalone: Option<u64>) -> Command {
    let settings = Settings {
        replication_factor,
        slots: 8,
        retention_seconds: 3600,
    };
    let owners = (0..8u64)
        .map(|slot| {
            let copies = u64::from(replication_factor).min(nodes);
            (0..copies).map(|copy| NodeId(1 + (slot + copy) % nodes)).collect()
        })
        .collect();
    Command::Init {
        cluster: ClusterId(7),
        settings,
        members: (1..=nodes).map(|id| new_member(id, 1)).collect(),
        owners,
        standalone: standalone.map(NodeId),
        last_day: 100,
    }
}

fn started(nodes: u64, replication_factor: u8) -> Option<ClusterState> {
    let mut state = None;
    apply(&mut state, &init(nodes, replication_factor, None)).unwrap();
    state
}

fn mark_of(state: &Option<ClusterState>, id: u64) -> Option<Mark> {
    state.as_ref().unwrap().member(NodeId(id)).unwrap().mark
}

#[test]
fn a_cluster_begins_once() {
    let mut state = None;
    let early = apply(&mut state, &Command::Mark { node: NodeId(1) });
    assert_eq!(early, Err(Refused::NotInitialised));
    let applied = apply(&mut state, &init(3, 2, Some(2))).unwrap();
    assert_eq!((applied.version, applied.events), (1, vec![Event::Initialised]));
    let again = apply(&mut state, &init(3, 2, None));
    assert_eq!(again, Err(Refused::AlreadyInitialised));
    let placement = &state.unwrap().placement;
    assert_eq!(placement.replicas(Slot(3), Epoch(0)), [NodeId(2)]);
    assert_eq!(placement.replicas(Slot(3), Epoch(9)), placement.owners(Slot(3)));
}

#[test]
fn impossible_settings_and_placements_are_refused() {
    let mut state = started(3, 2);
    let before = state.clone();
    let settings = |replication_factor, slots| {
        Command::SetSettings(Settings {
            replication_factor,
            slots,
            retention_seconds: 1,
        })
    };
    let place = |epoch, owners: Owners| Command::Place {
        epoch: Epoch(epoch),
        owners,
        last_day: 1,
    };
    let all = |ids: &[u64]| vec![ids.iter().copied().map(NodeId).collect::<Vec<_>>(); 8];
    for command in [
        settings(0, 8),
        settings(1, 16),
        place(1, all(&[])),
        place(1, all(&[1, 1])),
        place(1, all(&[9])),
        place(1, all(&[1])[..7].to_vec()),
        place(2, all(&[1])),
        Command::AddMember(new_member(1, 1)),
        Command::Remove { node: NodeId(1) },
        Command::Drain { node: NodeId(9) },
    ] {
        assert!(apply(&mut state, &command).is_err(), "{command:?}");
        assert_eq!(state, before);
    }
}

#[test]
fn a_mark_is_lifted_in_two_steps_unless_a_write_fails_in_between() {
    let mut state = started(3, 2);
    let node = NodeId(2);
    let mut run = |command| apply(&mut state, &command).map(|applied| applied.events);
    let (begin_close, lift) = (
        |generation| Command::BeginClose { node, generation },
        |generation| Command::Lift { node, generation },
    );
    assert_eq!(
        run(Command::Mark { node }),
        Ok(vec![Event::Marked { node, generation: 1 }])
    );
    assert_eq!(run(Command::Mark { node }), Ok(vec![]));
    assert!(run(lift(1)).is_err() && run(begin_close(2)).is_err());
    assert_eq!(run(begin_close(1)), Ok(vec![Event::Closing { node, generation: 1 }]));
    assert_eq!(
        run(Command::Mark { node }),
        Ok(vec![Event::Marked { node, generation: 2 }])
    );
    assert!(run(lift(1)).is_err());
    run(begin_close(2)).unwrap();
    assert_eq!(run(lift(2)), Ok(vec![Event::Lifted { node, generation: 2 }]));
    assert_eq!(run(lift(2)), Ok(vec![]));
    assert_eq!(
        run(Command::Mark { node }),
        Ok(vec![Event::Marked { node, generation: 3 }])
    );
    assert_eq!(mark_of(&state, 2).unwrap().generation, 3);
}

#[test]
fn a_member_that_lost_its_data_leaves_the_history_and_is_marked() {
    let mut state = started(3, 1);
    let update = |incarnation, addr: &str| Command::UpdateMember {
        member: NewMember {
            addr: addr.into(),
            ..new_member(1, incarnation)
        },
        last_day: 50,
    };
    let applied = apply(&mut state, &update(1, "elsewhere:1")).unwrap();
    assert_eq!(applied.events, [Event::MemberUpdated(NodeId(1))]);
    let applied = apply(&mut state, &update(2, "elsewhere:1")).unwrap();
    let expected = [
        Event::MemberUpdated(NodeId(1)),
        Event::Marked {
            node: NodeId(1),
            generation: 1,
        },
        Event::Placed(Epoch(2)),
    ];
    assert_eq!(applied.events, expected);
    let placement = &state.as_ref().unwrap().placement;
    assert!(placement.replicas(Slot(0), Epoch(1)).is_empty());
    assert_eq!(placement.owners(Slot(0)), [NodeId(1)]);
    assert_eq!(placement.history(Slot(1)).len(), 1);
    assert!(apply(&mut state, &update(2, "elsewhere:1")).unwrap().events.is_empty());
}

#[test]
fn entries_go_when_nothing_written_under_them_is_kept() {
    let mut state = started(3, 1);
    for (epoch, owner, last_day) in [(1, 2, 10), (2, 3, 20)] {
        let owners = vec![vec![NodeId(owner)]; 8];
        let epoch = Epoch(epoch);
        apply(
            &mut state,
            &Command::Place {
                epoch,
                owners,
                last_day,
            },
        )
        .unwrap();
    }
    let mut entries_after = |day| {
        apply(&mut state, &Command::SetOldestDay(day)).unwrap();
        let history = state.as_ref().unwrap().placement.history(Slot(0));
        history.iter().map(|entry| entry.from.0).collect::<Vec<_>>()
    };
    assert_eq!(entries_after(10), [1, 2, 3]);
    assert_eq!(entries_after(11), [2, 3]);
    assert_eq!(entries_after(5), [2, 3]);
    assert_eq!(entries_after(900), [3]);
}

#[test]
fn a_drained_member_may_leave_once_it_holds_nothing() {
    let mut state = started(3, 1);
    let node = NodeId(1);
    apply(&mut state, &Command::Drain { node }).unwrap();
    let place = Command::Place {
        epoch: Epoch(1),
        owners: vec![vec![NodeId(2)]; 8],
        last_day: 10,
    };
    apply(&mut state, &place).unwrap();
    assert_eq!(apply(&mut state, &Command::Remove { node }), Err(Refused::InUse(node)));
    apply(&mut state, &Command::SetOldestDay(11)).unwrap();
    let applied = apply(&mut state, &Command::Remove { node }).unwrap();
    assert_eq!(applied.events, [Event::MemberRemoved(node)]);
    assert!(state.unwrap().member(node).is_none());
}

fn any_node() -> impl Strategy<Value = NodeId> {
    (1u64..7).prop_map(NodeId)
}

fn any_owners() -> impl Strategy<Value = Owners> {
    let replicas = prop::collection::btree_set(any_node(), 1..3).prop_map(|set| set.into_iter().collect());
    prop::collection::vec(replicas, 8)
}

fn any_command() -> impl Strategy<Value = Command> {
    let any_member = || (1u64..7, 1u128..3).prop_map(|(id, incarnation)| new_member(id, incarnation));
    prop_oneof![
        any_member().prop_map(Command::AddMember),
        (any_member(), 0u32..30).prop_map(|(member, last_day)| Command::UpdateMember { member, last_day }),
        any_node().prop_map(|node| Command::Mark { node }),
        (any_node(), 1u64..4).prop_map(|(node, generation)| Command::BeginClose { node, generation }),
        (any_node(), 1u64..4).prop_map(|(node, generation)| Command::Lift { node, generation }),
        (any_node(), any::<bool>()).prop_map(|(node, full)| Command::SetFull { node, full }),
        (1u8..4).prop_map(|replication_factor| {
            Command::SetSettings(Settings {
                replication_factor,
                slots: 8,
                retention_seconds: 60,
            })
        }),
        (0u32..30).prop_map(Command::SetOldestDay),
        (1u32..6, any_owners(), 0u32..30).prop_map(|(epoch, owners, last_day)| Command::Place {
            epoch: Epoch(epoch),
            owners,
            last_day
        }),
        any_node().prop_map(|node| Command::Drain { node }),
        any_node().prop_map(|node| Command::Remove { node }),
    ]
}

/// What may not happen between a state and the next.
fn check_step(before: &ClusterState, after: &ClusterState, applied: &Applied) {
    assert_eq!(applied.version, after.version);
    assert_eq!(after.version - before.version, u64::from(!applied.events.is_empty()));
    if applied.events.is_empty() {
        assert_eq!(before, after);
    }
    let placed = applied.events.contains(&Event::Placed(after.epoch));
    assert_eq!(after.epoch.0 - before.epoch.0, u32::from(placed));
    assert!(after.oldest_day >= before.oldest_day);
    for (id, member) in &after.members {
        if let Some(mark) = member.mark {
            assert_eq!(mark.generation, member.generation);
        }
        let Some(was) = before.members.get(id) else { continue };
        assert!(member.generation >= was.generation);
        if member.incarnation != was.incarnation {
            assert!(member.generation > was.generation && member.mark.is_some_and(|mark| !mark.closing));
        }
        if was.mark.is_some() && member.mark.is_none() {
            assert!(was.mark.is_some_and(|mark| mark.closing));
        }
    }
}

fn check_state(state: &ClusterState) {
    assert_eq!(state.placement.slots.len(), usize::from(state.settings.slots));
    for history in &state.placement.slots {
        assert!(!history.is_empty());
        assert!(history.is_sorted_by(|a, b| a.from < b.from));
        assert!(
            history
                .last()
                .is_some_and(|entry| entry.from <= state.epoch && !entry.replicas.is_empty())
        );
        let mut nodes = history.iter().flat_map(|entry| &entry.replicas);
        assert!(nodes.all(|node| state.members.contains_key(node)));
    }
}

proptest! {
    #[test]
    fn states_follow_each_other_as_they_should(commands in prop::collection::vec(any_command(), 1..60)) {
        let mut state = started(3, 2);
        let mut other = state.clone();
        for command in &commands {
            let before = state.clone();
            let result = apply(&mut state, command);
            prop_assert_eq!(&apply(&mut other, command), &result);
            prop_assert_eq!(&state, &other);
            match &result {
                Err(_) => prop_assert_eq!(&state, &before),
                Ok(applied) => check_step(before.as_ref().unwrap(), state.as_ref().unwrap(), applied),
            }
            check_state(state.as_ref().unwrap());
        }
    }

    #[test]
    fn commands_and_states_survive_their_bytes(command in any_command()) {
        let bytes = postcard::to_stdvec(&command).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Command>(&bytes).unwrap(), command);
        let state = started(3, 2);
        let bytes = postcard::to_stdvec(&state).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Option<ClusterState>>(&bytes).unwrap(), state);
    }
}
