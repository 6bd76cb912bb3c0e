//! The meaning of commands: pure, deterministic, without clocks and I/O. A refused command leaves the state as it was.

use super::apply_transfers as transfers;
use super::{
    ClusterState, Command, Mark, Member, MemberState, NewMember, NodeId, Owners, Placement, PlacementEntry, Settings,
};
use crate::ids::Epoch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a command has changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Event {
    Initialised,
    MemberAdded(NodeId),
    /// Its address, zone or incarnation
    MemberUpdated(NodeId),
    Marked {
        node: NodeId,
        generation: u64,
    },
    Closing {
        node: NodeId,
        generation: u64,
    },
    Lifted {
        node: NodeId,
        generation: u64,
    },
    /// Whether the node is full
    Full {
        node: NodeId,
        full: bool,
    },
    SettingsChanged,
    OldestDay(u32),
    /// Spans are written under this epoch from now on
    Placed(Epoch),
    Draining(NodeId),
    MemberRemoved(NodeId),
    /// It takes slots again
    Rejoined(NodeId),
    /// Others take its place
    Away(NodeId),
    /// Another node, without its data, has taken the place of one
    Superseded {
        old: NodeId,
        new: NodeId,
    },
    /// Nothing is written under this epoch and earlier ones any more
    Sealed(Epoch),
    TransferPlanned(u64),
    TransferBegun {
        id: u64,
        attempt: u64,
    },
    TransferCompleted(u64),
    TransferCancelled(u64),
    /// The node gave up what others have
    Released(NodeId),
    TransfersPaused(bool),
    LossAccepted,
}

/// An accepted command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Applied {
    /// Of the state afterwards
    pub version: u64,
    /// In order; none where the state was already as asked, and then the version has not grown
    pub events: Vec<Event>,
}

/// Why a command was not accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum Refused {
    #[error("there is a cluster already")]
    AlreadyInitialised,
    #[error("there is no cluster yet")]
    NotInitialised,
    #[error("node {0} is no member")]
    NoMember(NodeId),
    #[error("node {0} is a member already")]
    IsMember(NodeId),
    /// The node has no mark of this generation, or it is not closing where it must
    #[error("node {node} does not bear a fitting mark of generation {generation}")]
    NoSuchMark { node: NodeId, generation: u64 },
    /// The placement was computed from another epoch
    #[error("the placement was made for epoch {0:?}")]
    StalePlacement(Epoch),
    #[error("bad placement: {0}")]
    BadPlacement(String),
    #[error("bad settings: {0}")]
    BadSettings(String),
    /// It still holds slots, or is not draining
    #[error("node {0} cannot be removed: it still holds slots or is not draining")]
    InUse(NodeId),
    #[error("epoch {0:?} is not over")]
    NotOver(Epoch),
    #[error("transfers are paused")]
    Paused,
    /// There is none of this id, or it was begun anew
    #[error("there is no transfer {0}, or it was begun anew")]
    NoTransfer(u64),
    #[error("bad move: {0}")]
    BadMove(String),
}

/// Carries out a command. The version grows by one with each that changes something; the epoch by one with each change
/// of placement.
///
/// # Errors
/// The state is unchanged.
pub fn apply(state: &mut Option<ClusterState>, command: &Command) -> Result<Applied, Refused> {
    let events = match (&mut *state, command) {
        (Some(_), Command::Init { .. }) => return Err(Refused::AlreadyInitialised),
        (None, Command::Init { .. }) => {
            *state = Some(init(command)?);
            vec![Event::Initialised]
        }
        (None, _) => return Err(Refused::NotInitialised),
        (Some(state), command) => {
            let mut events = change(state, command)?;
            if !events.is_empty() {
                events.extend(transfers::settle(state));
            }
            state.version += u64::from(!events.is_empty());
            if events.iter().any(|event| matches!(event, Event::Placed(_))) {
                state.placed_at = state.version;
            }
            events
        }
    };
    let version = state.as_ref().map_or(0, |state| state.version);
    Ok(Applied { version, events })
}

fn init(command: &Command) -> Result<ClusterState, Refused> {
    let Command::Init {
        cluster,
        settings,
        members,
        owners,
        standalone,
        last_day,
    } = command
    else {
        return Err(Refused::NotInitialised);
    };
    check_settings(settings)?;
    let mut state = ClusterState {
        cluster: *cluster,
        version: 1,
        epoch: Epoch(1),
        settings: settings.clone(),
        members: Default::default(),
        placement: Placement::default(),
        oldest_day: 0,
        sealed: Epoch(0),
        placed_at: 1,
        transfers: Default::default(),
    };
    for member in members {
        add_member(&mut state, member)?;
    }
    check_owners(&state, owners)?;
    if let Some(node) = standalone {
        known(&state, *node)?;
    }
    let history = |replicas: &Vec<NodeId>| {
        let before = standalone.map(|node| PlacementEntry {
            from: Epoch(0),
            replicas: vec![node],
            after_day: 0,
        });
        let after_day = if standalone.is_some() { *last_day } else { 0 };
        let now = PlacementEntry {
            from: Epoch(1),
            replicas: replicas.clone(),
            after_day,
        };
        before.into_iter().chain([now]).collect()
    };
    state.placement.slots = owners.iter().map(history).collect();
    Ok(state)
}

/// Carries out all commands but the first.
fn change(state: &mut ClusterState, command: &Command) -> Result<Vec<Event>, Refused> {
    match command {
        Command::Init { .. } => Err(Refused::AlreadyInitialised),
        Command::AddMember(member) => {
            add_member(state, member)?;
            Ok(vec![Event::MemberAdded(member.id)])
        }
        Command::UpdateMember { member, last_day } => update_member(state, member, *last_day),
        Command::Mark { node } => mark(state, *node),
        Command::BeginClose { node, generation } => begin_close(state, *node, *generation),
        Command::Lift { node, generation } => lift(state, *node, *generation),
        Command::SetFull { node, full } => {
            let member = member_mut(state, *node)?;
            let event = Event::Full {
                node: *node,
                full: *full,
            };
            Ok(when(std::mem::replace(&mut member.full, *full) != *full, event))
        }
        Command::SetSettings(settings) => set_settings(state, settings),
        Command::SetOldestDay(day) => Ok(set_oldest_day(state, *day)),
        Command::Place {
            epoch,
            owners,
            last_day,
        } => replace_owners(state, *epoch, owners, *last_day),
        Command::Drain { node } => {
            let member = member_mut(state, *node)?;
            let before = std::mem::replace(&mut member.state, MemberState::Draining);
            Ok(when(before != MemberState::Draining, Event::Draining(*node)))
        }
        Command::Remove { node } => remove(state, *node),
        Command::Rejoin { node } => transfers::rejoin(state, *node),
        Command::SetAway { node } => transfers::set_away(state, *node),
        Command::Supersede { old, member, last_day } => supersede(state, *old, member, *last_day),
        command => change_moves(state, command),
    }
}

fn change_moves(state: &mut ClusterState, command: &Command) -> Result<Vec<Event>, Refused> {
    match command {
        Command::Seal { epoch } => transfers::seal(state, *epoch),
        Command::PlanMoves(moves) => transfers::plan_moves(state, moves),
        Command::BeginTransfer { id } => transfers::begin(state, *id),
        Command::CompleteTransfer { id, attempt } => transfers::complete(state, *id, *attempt),
        Command::CancelTransfer { id } => Ok(transfers::cancel(state, *id)),
        Command::Release { slots, epochs, node } => transfers::release(state, slots, *epochs, *node),
        Command::PauseTransfers { paused } => Ok(transfers::pause(state, *paused)),
        Command::AcceptLoss => Ok(transfers::accept_loss(state)),
        Command::NextEpoch { epoch } => next_epoch(state, *epoch),
        // The others are the caller's.
        _ => Ok(Vec::new()),
    }
}

pub(super) fn when(changed: bool, event: Event) -> Vec<Event> {
    if changed { vec![event] } else { Vec::new() }
}

pub(super) fn known(state: &ClusterState, node: NodeId) -> Result<&Member, Refused> {
    state.member(node).ok_or(Refused::NoMember(node))
}

pub(super) fn member_mut(state: &mut ClusterState, node: NodeId) -> Result<&mut Member, Refused> {
    state.members.get_mut(&node).ok_or(Refused::NoMember(node))
}

fn add_member(state: &mut ClusterState, new: &NewMember) -> Result<(), Refused> {
    if state.members.contains_key(&new.id) {
        return Err(Refused::IsMember(new.id));
    }
    let member = Member {
        id: new.id,
        addr: new.addr.clone(),
        zone: new.zone.clone(),
        incarnation: new.incarnation,
        state: MemberState::Active,
        mark: None,
        generation: 0,
        full: false,
    };
    state.members.insert(new.id, member);
    Ok(())
}

fn update_member(state: &mut ClusterState, new: &NewMember, last_day: u32) -> Result<Vec<Event>, Refused> {
    let member = member_mut(state, new.id)?;
    let reborn = member.incarnation != new.incarnation;
    let same = !reborn && member.addr == new.addr && member.zone == new.zone;
    if same {
        return Ok(Vec::new());
    }
    member.addr.clone_from(&new.addr);
    member.zone.clone_from(&new.zone);
    member.incarnation = new.incarnation;
    let mut events = vec![Event::MemberUpdated(new.id)];
    if reborn {
        events.push(mark_anew(member));
        if forget(state, new.id, new.id, last_day) {
            events.push(Event::Placed(state.epoch));
        }
    }
    Ok(events)
}

/// Gives the node its next mark.
fn mark_anew(member: &mut Member) -> Event {
    member.generation += 1;
    member.mark = Some(Mark {
        generation: member.generation,
        closing: false,
    });
    Event::Marked {
        node: member.id,
        generation: member.generation,
    }
}

/// Takes a node that has lost everything out of the history. The slots that it owns begin a new epoch, with `heir` in
/// its place, which may be the node itself.
fn forget(state: &mut ClusterState, node: NodeId, heir: NodeId, last_day: u32) -> bool {
    if !state.placement.names(node) {
        return false;
    }
    // What it was about to get it has not got, or lost.
    let is_target = |transfer: &super::Transfer| transfer.of.to == node;
    state.transfers.running.retain(|_, transfer| !is_target(transfer));
    let next = Epoch(state.epoch.0 + 1);
    for history in &mut state.placement.slots {
        let now = history.last().filter(|entry| entry.replicas.contains(&node)).cloned();
        for entry in history.iter_mut() {
            entry.replicas.retain(|replica| *replica != node);
        }
        history.extend(now.map(|mut entry| {
            let place = entry.replicas.iter_mut().find(|replica| **replica == node);
            place.into_iter().for_each(|replica| *replica = heir);
            PlacementEntry {
                from: next,
                after_day: last_day,
                ..entry
            }
        }));
    }
    state.epoch = next;
    true
}

fn supersede(state: &mut ClusterState, old: NodeId, new: &NewMember, last_day: u32) -> Result<Vec<Event>, Refused> {
    if known(state, old)?.addr != new.addr {
        return Err(Refused::IsMember(old));
    }
    add_member(state, new)?;
    let placed = forget(state, old, new.id, last_day);
    state.members.remove(&old);
    let mut events = vec![Event::Superseded { old, new: new.id }];
    events.extend(when(placed, Event::Placed(state.epoch)));
    Ok(events)
}

fn mark(state: &mut ClusterState, node: NodeId) -> Result<Vec<Event>, Refused> {
    let member = member_mut(state, node)?;
    match member.mark {
        Some(Mark { closing: false, .. }) => Ok(Vec::new()),
        _ => Ok(vec![mark_anew(member)]),
    }
}

fn begin_close(state: &mut ClusterState, node: NodeId, generation: u64) -> Result<Vec<Event>, Refused> {
    match &mut member_mut(state, node)?.mark {
        Some(mark) if mark.generation == generation => {
            let event = Event::Closing { node, generation };
            Ok(when(!std::mem::replace(&mut mark.closing, true), event))
        }
        _ => Err(Refused::NoSuchMark { node, generation }),
    }
}

fn lift(state: &mut ClusterState, node: NodeId, generation: u64) -> Result<Vec<Event>, Refused> {
    let closing = Mark {
        generation,
        closing: true,
    };
    let member = member_mut(state, node)?;
    match member.mark {
        Some(mark) if mark == closing => {
            member.mark = None;
            Ok(vec![Event::Lifted { node, generation }])
        }
        None if member.generation == generation => Ok(Vec::new()),
        _ => Err(Refused::NoSuchMark { node, generation }),
    }
}

fn check_settings(settings: &Settings) -> Result<(), Refused> {
    let fault = if settings.replication_factor == 0 {
        "the replication factor must be at least 1"
    } else if !settings.slots.is_power_of_two() || settings.slots > 32_768 {
        "the number of slots must be a power of two from 1 to 32768"
    } else if settings.retention_seconds == 0 {
        "the retention must be at least one second"
    } else {
        return Ok(());
    };
    Err(Refused::BadSettings(fault.into()))
}

fn set_settings(state: &mut ClusterState, settings: &Settings) -> Result<Vec<Event>, Refused> {
    check_settings(settings)?;
    if settings.slots != state.settings.slots {
        return Err(Refused::BadSettings("the number of slots is fixed".into()));
    }
    let changed = state.settings != *settings;
    state.settings = settings.clone();
    Ok(when(changed, Event::SettingsChanged))
}

/// Also drops the entries of which nothing is left.
fn set_oldest_day(state: &mut ClusterState, day: u32) -> Vec<Event> {
    if day <= state.oldest_day {
        return Vec::new();
    }
    state.oldest_day = day;
    for history in &mut state.placement.slots {
        let gone = history
            .iter()
            .skip(1)
            .rposition(|successor| successor.after_day < day)
            .map_or(0, |at| at + 1);
        history.drain(..gone);
    }
    vec![Event::OldestDay(day)]
}

/// Each slot has distinct members, and at least one of them.
fn check_owners(state: &ClusterState, owners: &Owners) -> Result<(), Refused> {
    if owners.len() != usize::from(state.settings.slots) {
        return Err(Refused::BadPlacement(format!("{} slots", owners.len())));
    }
    for (slot, replicas) in owners.iter().enumerate() {
        let distinct: BTreeSet<_> = replicas.iter().collect();
        if replicas.is_empty() || distinct.len() < replicas.len() {
            return Err(Refused::BadPlacement(format!("the nodes of slot {slot}: {replicas:?}")));
        }
        replicas.iter().try_for_each(|node| known(state, *node).map(|_| ()))?;
    }
    Ok(())
}

fn replace_owners(
    state: &mut ClusterState,
    epoch: Epoch,
    owners: &Owners,
    last_day: u32,
) -> Result<Vec<Event>, Refused> {
    if epoch != state.epoch {
        return Err(Refused::StalePlacement(epoch));
    }
    check_owners(state, owners)?;
    let next = Epoch(epoch.0 + 1);
    let mut changed = false;
    for (history, replicas) in state.placement.slots.iter_mut().zip(owners) {
        if history.last().is_none_or(|entry| entry.replicas != *replicas) {
            history.push(PlacementEntry {
                from: next,
                replicas: replicas.clone(),
                after_day: last_day,
            });
            changed = true;
        }
    }
    if changed {
        state.epoch = next;
    }
    Ok(when(changed, Event::Placed(next)))
}

fn next_epoch(state: &mut ClusterState, epoch: Epoch) -> Result<Vec<Event>, Refused> {
    if epoch != state.epoch {
        return Err(Refused::StalePlacement(epoch));
    }
    state.epoch = Epoch(epoch.0 + 1);
    Ok(vec![Event::Placed(state.epoch)])
}

fn remove(state: &mut ClusterState, node: NodeId) -> Result<Vec<Event>, Refused> {
    let leaving = member_mut(state, node)?.state != MemberState::Active;
    if !leaving || state.placement.names(node) {
        return Err(Refused::InUse(node));
    }
    state.members.remove(&node);
    Ok(vec![Event::MemberRemoved(node)])
}
