//! The meaning of commands about moves of stored spans: pure, as all of [`super::apply`].
//!
//! What makes a finished transfer whole: when it begins, no write under its epochs is taken anywhere any more (they are
//! sealed), and its source has no mark. So each span that was acknowledged under them is on the source: it is no hint
//! for it, because hints are gone before a mark is lifted, and it will be none, because whoever takes a hint has seen the
//! mark that it is for, and with it the seal, under which he refuses it.

use super::apply::{Event, Refused, known, member_mut, when};
use super::{ClusterState, MemberState, Move, NodeId, PlacementEntry, Slot, SlotSet, Transfer};
use crate::ids::Epoch;
use std::collections::BTreeSet;

/// First and last epoch, both included.
type Epochs = (Epoch, Epoch);

pub(super) fn seal(state: &mut ClusterState, epoch: Epoch) -> Result<Vec<Event>, Refused> {
    if epoch >= state.epoch {
        return Err(Refused::NotOver(epoch));
    }
    let sealed = state.sealed.max(epoch);
    let changed = std::mem::replace(&mut state.sealed, sealed) != sealed;
    Ok(when(changed, Event::Sealed(sealed)))
}

pub(super) fn plan_moves(state: &mut ClusterState, moves: &[Move]) -> Result<Vec<Event>, Refused> {
    if state.transfers.paused {
        return Err(Refused::Paused);
    }
    let mut planned = state.transfers.clone();
    let mut events = Vec::new();
    for of in moves {
        check_move(state, of)?;
        if planned.running.values().any(|other| overlap(&other.of, of)) {
            return Err(bad("another transfer is about some of it"));
        }
        planned.last_id += 1;
        let (id, of) = (planned.last_id, of.clone());
        planned.running.insert(id, Transfer { id, of, attempt: 0 });
        events.push(Event::TransferPlanned(id));
    }
    state.transfers = planned;
    Ok(events)
}

fn bad(why: &str) -> Refused {
    Refused::BadMove(why.into())
}

fn overlap(a: &Move, b: &Move) -> bool {
    let apart = a.epochs.1 < b.epochs.0 || b.epochs.1 < a.epochs.0;
    !apart && !a.slots.intersection(&b.slots).is_empty()
}

fn check_move(state: &ClusterState, of: &Move) -> Result<(), Refused> {
    known(state, of.to)?;
    if of.slots.is_empty() {
        return Err(bad("it is about no slots"));
    }
    if of.epochs.1 > state.sealed {
        return Err(bad("its epochs are not sealed"));
    }
    if !state.in_sync(of.from) {
        return Err(bad("its source is out of sync"));
    }
    if of.leaves == Some(of.to) || !of.slots.iter().all(|slot| is_sound(state, of, slot)) {
        return Err(bad("it does not fit the placement"));
    }
    Ok(())
}

/// Whether a move is what a slot still needs.
fn is_sound(state: &ClusterState, of: &Move, slot: Slot) -> bool {
    let Some(entry) = entry_of(state, slot, of.epochs) else {
        return false;
    };
    let has = |node| entry.replicas.contains(&node);
    let wanted = state.placement.owners(slot).contains(&of.to);
    wanted && !has(of.to) && has(of.from) && of.leaves.is_none_or(has)
}

/// The entry that is about these epochs of a slot, and no others.
fn entry_of(state: &ClusterState, slot: Slot, epochs: Epochs) -> Option<&PlacementEntry> {
    let mut stretches = state.placement.stretches(slot);
    stretches.find(|(of, _)| *of == epochs).map(|(_, entry)| entry)
}

fn entry_mut(state: &mut ClusterState, slot: Slot, epochs: Epochs) -> Option<&mut PlacementEntry> {
    entry_of(state, slot, epochs)?;
    let history = state.placement.slots.get_mut(usize::from(slot.0))?;
    history.iter_mut().find(|entry| entry.from == epochs.0)
}

fn transfer_mut(state: &mut ClusterState, id: u64) -> Result<&mut Transfer, Refused> {
    state.transfers.running.get_mut(&id).ok_or(Refused::NoTransfer(id))
}

pub(super) fn begin(state: &mut ClusterState, id: u64) -> Result<Vec<Event>, Refused> {
    let from = transfer_mut(state, id)?.of.from;
    if !state.in_sync(from) {
        return Err(bad("its source is out of sync"));
    }
    let transfer = transfer_mut(state, id)?;
    transfer.attempt += 1;
    let attempt = transfer.attempt;
    Ok(vec![Event::TransferBegun { id, attempt }])
}

pub(super) fn complete(state: &mut ClusterState, id: u64, attempt: u64) -> Result<Vec<Event>, Refused> {
    let transfer = transfer_mut(state, id)?.clone();
    if transfer.attempt != attempt {
        return Err(Refused::NoTransfer(id));
    }
    if !state.in_sync(transfer.of.to) {
        return Err(bad("its target is out of sync"));
    }
    for slot in transfer.of.slots.iter() {
        if let Some(entry) = entry_mut(state, slot, transfer.of.epochs) {
            match transfer.of.leaves {
                Some(leaves) => {
                    let place = entry.replicas.iter_mut().find(|node| **node == leaves);
                    place.into_iter().for_each(|node| *node = transfer.of.to);
                }
                None => entry.replicas.push(transfer.of.to),
            }
        }
    }
    state.transfers.running.remove(&id);
    Ok(vec![Event::TransferCompleted(id)])
}

pub(super) fn cancel(state: &mut ClusterState, id: u64) -> Vec<Event> {
    let gone = state.transfers.running.remove(&id);
    when(gone.is_some(), Event::TransferCancelled(id))
}

pub(super) fn release(
    state: &mut ClusterState,
    slots: &SlotSet,
    epochs: Epochs,
    node: NodeId,
) -> Result<Vec<Event>, Refused> {
    if epochs.1 > state.sealed {
        return Err(bad("its epochs are not sealed"));
    }
    let busy = state.transfers.running.values().any(|other| {
        let apart = other.of.epochs.1 < epochs.0 || epochs.1 < other.of.epochs.0;
        !apart && !other.of.slots.intersection(slots).is_empty()
    });
    if busy || slots.is_empty() || !slots.iter().all(|slot| is_surplus(state, slot, epochs, node)) {
        return Err(bad("it does not fit the placement"));
    }
    for slot in slots.iter() {
        if let Some(entry) = entry_mut(state, slot, epochs) {
            entry.replicas.retain(|replica| *replica != node);
        }
    }
    Ok(vec![Event::Released(node)])
}

/// Whether all owners of a slot hold these epochs, one of them is in sync, and the node holds them as well.
fn is_surplus(state: &ClusterState, slot: Slot, epochs: Epochs, node: NodeId) -> bool {
    let owners = state.placement.owners(slot);
    let entry = entry_of(state, slot, epochs);
    entry.is_some_and(|entry| {
        let held = owners.iter().all(|owner| entry.replicas.contains(owner));
        let safe = owners.iter().any(|owner| state.in_sync(*owner));
        held && safe && !owners.contains(&node) && entry.replicas.contains(&node)
    })
}

pub(super) fn pause(state: &mut ClusterState, paused: bool) -> Vec<Event> {
    let changed = std::mem::replace(&mut state.transfers.paused, paused) != paused;
    when(changed, Event::TransfersPaused(paused))
}

pub(super) fn rejoin(state: &mut ClusterState, node: NodeId) -> Result<Vec<Event>, Refused> {
    let member = member_mut(state, node)?;
    let changed = std::mem::replace(&mut member.state, MemberState::Active) != MemberState::Active;
    Ok(when(changed, Event::Rejoined(node)))
}

pub(super) fn set_away(state: &mut ClusterState, node: NodeId) -> Result<Vec<Event>, Refused> {
    let member = member_mut(state, node)?;
    if member.state != MemberState::Active {
        return Ok(Vec::new());
    }
    member.state = MemberState::Away;
    Ok(vec![Event::Away(node)])
}

/// What was written while nobody is left who has it counts as held by those who own the slots now: by everybody.
pub(super) fn accept_loss(state: &mut ClusterState) -> Vec<Event> {
    let mut accepted = 0;
    for history in &mut state.placement.slots {
        let Some(owners) = history.last().map(|entry| entry.replicas.clone()) else {
            continue;
        };
        for entry in history.iter_mut().filter(|entry| entry.replicas.is_empty()) {
            entry.replicas.clone_from(&owners);
            accepted += 1;
        }
    }
    when(accepted > 0, Event::LossAccepted)
}

/// What follows from any change of the placement: transfers that fit no longer are given up, and stretches of a
/// history with the same replicas become one.
pub(super) fn settle(state: &mut ClusterState) -> Vec<Event> {
    let mut events = Vec::new();
    let mut running = std::mem::take(&mut state.transfers.running);
    running.retain(|id, transfer| {
        let sound = transfer
            .of
            .slots
            .iter()
            .filter(|slot| is_sound(state, &transfer.of, *slot));
        transfer.of.slots = sound.collect();
        let goes_on = !transfer.of.slots.is_empty();
        if !goes_on {
            events.push(Event::TransferCancelled(*id));
        }
        goes_on
    });
    let busy = running.values().fold(SlotSet::new(), |mut busy, transfer| {
        busy.extend(&transfer.of.slots);
        busy
    });
    state.transfers.running = running;
    for (slot, history) in (0..).map(Slot).zip(&mut state.placement.slots) {
        if !busy.contains(slot) {
            join_equal(history);
        }
    }
    events
}

fn join_equal(history: &mut Vec<PlacementEntry>) {
    let nodes = |entry: &PlacementEntry| entry.replicas.iter().copied().collect::<BTreeSet<_>>();
    history.dedup_by(|later, before| {
        let same = later.replicas.len() == before.replicas.len() && nodes(later) == nodes(before);
        if same {
            before.replicas = std::mem::take(&mut later.replicas);
        }
        same
    });
}
