//! What is known about the replicas of one request: which nodes have which slots, what is missing, who can stand in. Pure
//! decisions; nothing is sent here.

use common::cluster::{NodeId, Slot, SlotSet};
use common::contract::WriteError;
use std::collections::BTreeMap;

/// What one node said to its share of a request.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub node: NodeId,
    pub slots: SlotSet,
    pub outcome: Result<(), WriteError>,
}

/// What the outcomes of all shares come to.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Every owner has its spans.
    Stored,
    /// The client is told, and comes again: what is stored already is not stored twice then.
    Refused(WriteError),
    /// Some owners miss theirs.
    Short(Short),
}

#[derive(Debug, PartialEq)]
pub(super) struct Short {
    pub ledger: Ledger,
    /// Slots that some owners miss and others may have: to be finished under the same epoch
    pub missing: BTreeMap<NodeId, SlotSet>,
    /// Slots that all owners refused because the epoch is closed: nobody has them, and they are to be placed anew
    pub stale: SlotSet,
}

/// Judges the shares of one request under one epoch.
///
/// A slot that one owner may have stored cannot be placed anew, not even if another owner says that the epoch is closed:
/// a span must not lie under two epochs. That owner counts as one that missed it.
pub(super) fn judge(shares: &[Share]) -> Verdict {
    if shares.iter().all(|share| share.outcome.is_ok()) {
        return Verdict::Stored;
    }
    if let Some(error) = refusal(shares) {
        return Verdict::Refused(error);
    }
    let (mut ledger, mut refused, mut touched) = (Ledger::default(), SlotSet::new(), SlotSet::new());
    for share in shares {
        match &share.outcome {
            Ok(()) => ledger.add_copy(share.node, &share.slots),
            Err(WriteError::StaleEpoch(_)) => {
                refused.extend(&share.slots);
                continue;
            }
            Err(_) => {}
        }
        touched.extend(&share.slots);
    }
    let stale = refused.without(&touched);
    let mut missing: BTreeMap<NodeId, SlotSet> = BTreeMap::new();
    for share in shares.iter().filter(|share| share.outcome.is_err()) {
        let slots = share.slots.without(&stale);
        if !slots.is_empty() {
            missing.entry(share.node).or_default().extend(&slots);
        }
    }
    Verdict::Short(Short { ledger, missing, stale })
}

/// The error that is the client's: the message cannot be stored, or one of the nodes is overloaded, with the longest delay
/// of all.
fn refusal(shares: &[Share]) -> Option<WriteError> {
    let errors = || shares.iter().filter_map(|share| share.outcome.as_ref().err());
    let invalid = errors().find(|error| matches!(error, WriteError::Invalid(_)));
    let delayed = || errors().filter_map(|error| retry_after(error).map(|delay| (delay, error)));
    let busy = || delayed().max_by_key(|(delay, _)| *delay).map(|(_, error)| error);
    invalid.or_else(busy).cloned()
}

fn retry_after(error: &WriteError) -> Option<std::time::Duration> {
    match error {
        WriteError::Overloaded { retry_after, .. } | WriteError::ReadOnly { retry_after, .. } => Some(*retry_after),
        _ => None,
    }
}

/// Whether a node's error is back-pressure, which the client gets.
pub(super) fn is_back_pressure(error: &WriteError) -> bool {
    retry_after(error).is_some()
}

/// Which nodes have which slots of a request on their disks, as replicas or as hints.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ledger {
    copies: BTreeMap<NodeId, SlotSet>,
}

/// Who shall keep the spans that one node missed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Assignment {
    pub holders: BTreeMap<NodeId, SlotSet>,
    /// Slots that have too few copies and nobody to make another
    pub unplaced: SlotSet,
}

impl Ledger {
    /// The node has these slots durably.
    pub(super) fn add_copy(&mut self, node: NodeId, slots: &SlotSet) {
        self.copies.entry(node).or_default().extend(slots);
    }

    /// Nodes that have the slot.
    pub(super) fn copies(&self, slot: Slot) -> usize {
        self.copies.values().filter(|slots| slots.contains(slot)).count()
    }

    fn has(&self, node: NodeId, slot: Slot) -> bool {
        self.copies.get(&node).is_some_and(|slots| slots.contains(slot))
    }

    /// Finds each slot the first of `candidates` that has no copy of it yet. Where all have one, the first keeps the hint
    /// too, if there are `required` copies already.
    pub(super) fn assign(&self, slots: &SlotSet, candidates: &[NodeId], required: usize) -> Assignment {
        let mut assignment = Assignment::default();
        for slot in slots.iter() {
            let another = candidates.iter().find(|node| !self.has(**node, slot));
            let enough = || candidates.first().filter(|_| self.copies(slot) >= required);
            match another.or_else(enough) {
                Some(holder) => assignment.holders.entry(*holder).or_default().insert(slot),
                None => assignment.unplaced.insert(slot),
            }
        }
        assignment
    }
}

/// Copies that a slot needs to be acknowledged: the replication factor, fewer while fewer nodes are `in_sync`, never fewer
/// than `min_copies`.
pub(super) fn required_copies(replication_factor: u8, in_sync: usize, min_copies: u8) -> usize {
    let wanted = usize::from(replication_factor).min(in_sync);
    wanted.max(usize::from(min_copies)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const X: NodeId = NodeId(1);
    const Y: NodeId = NodeId(2);
    const Z: NodeId = NodeId(3);

    fn set(slots: &[u16]) -> SlotSet {
        slots.iter().copied().map(Slot).collect()
    }

    fn share(node: NodeId, slots: &[u16], outcome: Result<(), WriteError>) -> Share {
        Share {
            node,
            slots: set(slots),
            outcome,
        }
    }

    fn down() -> Result<(), WriteError> {
        Err(WriteError::Unavailable("down".into()))
    }

    fn stale() -> Result<(), WriteError> {
        Err(WriteError::StaleEpoch(1))
    }

    fn busy(seconds: u64) -> Result<(), WriteError> {
        Err(WriteError::Overloaded {
            reason: "busy".into(),
            retry_after: Duration::from_secs(seconds),
        })
    }

    fn short(shares: &[Share]) -> Short {
        match judge(shares) {
            Verdict::Short(short) => short,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_owners_must_have_their_slots() {
        assert!(matches!(
            judge(&[share(X, &[1], Ok(())), share(Y, &[1], Ok(()))]),
            Verdict::Stored
        ));
        let short = short(&[
            share(X, &[1, 2], down()),
            share(Y, &[1], Ok(())),
            share(X, &[3], down()),
        ]);
        assert_eq!(short.missing, BTreeMap::from([(X, set(&[1, 2, 3]))]));
        assert!(short.stale.is_empty());
        assert_eq!((short.ledger.copies(Slot(1)), short.ledger.copies(Slot(2))), (1, 0));
    }

    #[test]
    fn back_pressure_goes_to_the_client_with_the_longest_delay_whatever_else_failed() {
        let verdict = judge(&[share(X, &[1], down()), share(Y, &[1], busy(2)), share(Z, &[2], busy(3))]);
        let Verdict::Refused(WriteError::Overloaded { retry_after, .. }) = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(retry_after, Duration::from_secs(3));
        let invalid = Err(WriteError::Invalid("bytes".into()));
        let verdict = judge(&[share(X, &[1], busy(1)), share(Y, &[1], invalid)]);
        assert!(matches!(verdict, Verdict::Refused(WriteError::Invalid(_))));
    }

    #[test]
    fn only_slots_that_nobody_can_have_are_placed_anew() {
        // Slot 1: one owner has it. Slot 2: one may have it. Slot 3: both refused.
        let short = short(&[
            share(X, &[1, 2, 3], stale()),
            share(Y, &[1], Ok(())),
            share(Z, &[2], down()),
            share(Y, &[3], stale()),
        ]);
        assert_eq!(short.stale, set(&[3]));
        assert_eq!(short.missing, BTreeMap::from([(X, set(&[1, 2])), (Z, set(&[2]))]));
    }

    #[test]
    fn hints_make_copies_where_there_are_none() {
        let mut ledger = Ledger::default();
        ledger.add_copy(Y, &set(&[1]));
        ledger.add_copy(Z, &set(&[2]));
        let assignment = ledger.assign(&set(&[1, 2]), &[Y, Z], 2);
        assert_eq!(assignment.holders, BTreeMap::from([(Y, set(&[2])), (Z, set(&[1]))]));
        assert!(assignment.unplaced.is_empty());
    }

    #[test]
    fn an_owner_keeps_the_hint_when_there_are_copies_enough() {
        let mut ledger = Ledger::default();
        ledger.add_copy(Y, &set(&[1]));
        assert_eq!(ledger.assign(&set(&[1]), &[Y], 2).unplaced, set(&[1]));
        assert_eq!(
            ledger.assign(&set(&[1]), &[Y], 1).holders,
            BTreeMap::from([(Y, set(&[1]))])
        );
        assert_eq!(ledger.assign(&set(&[1]), &[], 1).unplaced, set(&[1]));
    }

    #[test]
    fn fewer_nodes_in_sync_need_fewer_copies_down_to_the_least() {
        assert_eq!(required_copies(2, 3, 1), 2);
        assert_eq!(required_copies(2, 1, 1), 1);
        assert_eq!(required_copies(2, 0, 1), 1);
        assert_eq!(required_copies(3, 1, 2), 2);
        assert_eq!(required_copies(1, 5, 1), 1);
    }
}
