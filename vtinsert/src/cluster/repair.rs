//! What is done for owners that missed a write: a mark by consensus, and hints for them on other nodes, until there are
//! copies enough.

use super::coalesce::Purpose;
use super::ledger::{Ledger, is_back_pressure, required_copies};
use super::marks::Held;
use super::route::Route;
use super::sink::ReplicatedSink;
use common::cluster::{ClusterState, Member, NodeId, SlotSet};
use common::contract::{BatchWrite, WriteError};
use common::ids::Epoch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a node may refuse hints before another one is asked: the first time, the mark may have been the reason.
const TRIES: u32 = 2;
const PAUSE: Duration = Duration::from_millis(50);

/// The repair of one batch.
struct Repair<'a> {
    sink: &'a ReplicatedSink,
    batch: &'a BatchWrite,
    epoch: Epoch,
    ledger: Ledger,
    /// Slots that each owner misses and nobody keeps for it
    missing: BTreeMap<NodeId, SlotSet>,
    /// The generation of its mark that an owner's hints were refused under
    refused: BTreeMap<NodeId, u64>,
    /// How often each node did not take hints
    failures: BTreeMap<NodeId, u32>,
    /// When the last of the owners has lost its read lease
    settled: Instant,
}

impl ReplicatedSink {
    /// Sees to it that hints are kept for all owners that are `missing` slots, and that none of these owners answers reads
    /// as if it had them. Tries until it is done or hopeless: the caller sets the time limit.
    pub(super) async fn repair(
        &self,
        batch: &BatchWrite,
        epoch: Epoch,
        ledger: Ledger,
        missing: BTreeMap<NodeId, SlotSet>,
    ) -> Result<(), WriteError> {
        let hinted: SlotSet = missing.values().flat_map(SlotSet::iter).collect();
        let mut repair = Repair {
            sink: self,
            batch,
            epoch,
            ledger,
            missing,
            refused: BTreeMap::new(),
            failures: BTreeMap::new(),
            settled: Instant::now(),
        };
        while !repair.missing.is_empty() {
            repair.round().await?;
        }
        tokio::time::sleep_until(repair.settled).await;
        self.peers.metrics.hinted.increment(1);
        let factor = usize::from(self.state()?.settings.replication_factor);
        if hinted.iter().any(|slot| repair.ledger.copies(slot) < factor) {
            self.peers.metrics.under_replicated.increment(1);
        }
        Ok(())
    }
}

impl Repair<'_> {
    /// Marks all owners that miss something, and tries to find somebody who keeps it for them.
    async fn round(&mut self) -> Result<(), WriteError> {
        self.forget_gone()?;
        let marks = self.missing.keys().map(|target| {
            let refused = self.refused.get(target).copied().unwrap_or(0);
            self.sink.marks.hold(*target, refused)
        });
        let marks = match futures::future::try_join_all(marks).await {
            Ok(marks) => marks,
            Err(_) if self.is_anybody_gone()? => return Ok(()),
            Err(error) => return Err(error),
        };
        let missing = std::mem::take(&mut self.missing);
        for ((target, slots), held) in missing.into_iter().zip(marks) {
            self.settled = self.settled.max(held.settled);
            let left = self.hint(target, held, slots).await?;
            if !left.is_empty() {
                self.missing.insert(target, left);
            }
        }
        if !self.missing.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    fn is_anybody_gone(&self) -> Result<bool, WriteError> {
        let state = self.sink.state()?;
        Ok(self.missing.keys().any(|target| state.member(*target).is_none()))
    }

    /// An owner that is no member any more misses nothing: whoever takes its place gets what was written under its epoch
    /// from the other owners.
    fn forget_gone(&mut self) -> Result<(), WriteError> {
        let state = self.sink.state()?;
        let ledger = &self.ledger;
        let mut lost = None;
        self.missing.retain(|target, slots| {
            let is_member = state.member(*target).is_some();
            if !is_member && slots.iter().any(|slot| ledger.copies(slot) == 0) {
                lost = Some(*target);
            }
            is_member
        });
        match lost {
            None => Ok(()),
            Some(node) => Err(WriteError::Unavailable(format!(
                "node {node} is no longer a member of the cluster, and no other has its spans"
            ))),
        }
    }

    /// Has hints for one owner kept; returns the slots for which that did not succeed yet.
    async fn hint(&mut self, target: NodeId, held: Held, slots: SlotSet) -> Result<SlotSet, WriteError> {
        let state = self.sink.state()?;
        let in_sync = state
            .members
            .values()
            .filter(|member| !self.sink.marks.is_marked(member))
            .count();
        let required = required_copies(state.settings.replication_factor, in_sync, self.sink.min_copies);
        let assignment = self.ledger.assign(&slots, &self.candidates(&state, target), required);
        let mut left = assignment.unplaced;
        if !left.is_empty() {
            self.agree_who_is_away(&state, required).await?;
        }
        if assignment.holders.is_empty() {
            return Ok(left);
        }
        let holders = assignment
            .holders
            .iter()
            .map(|(holder, slots)| ([*holder].into(), slots));
        let route = Arc::new(Route::of_assignment(state.settings.slots, holders));
        let purpose = Purpose::Hint {
            target,
            generation: held.generation,
        };
        for share in self.sink.send(self.batch, self.epoch, purpose, route).await? {
            match share.outcome {
                Ok(()) => self.ledger.add_copy(share.node, &share.slots),
                Err(error) if is_back_pressure(&error) => return Err(error),
                Err(_) => {
                    *self.failures.entry(share.node).or_default() += 1;
                    self.refused.insert(target, held.generation);
                    left.extend(&share.slots);
                }
            }
        }
        Ok(left)
    }

    /// Nodes that can keep hints for `target`, the best first: those in sync before those that are catching up. Which is the
    /// first among equals depends on the request, so that the load is spread and a repeated request comes to the same one.
    fn candidates(&self, state: &ClusterState, target: NodeId) -> Vec<NodeId> {
        let (marks, peers) = (&self.sink.marks, &self.sink.peers);
        let fit = |member: &&Member| {
            let is_lost = marks.is_marked(member) && !peers.is_up(member.id);
            member.id != target && !is_lost && !self.is_away(member.id)
        };
        let mut fit: Vec<&Member> = state.members.values().filter(fit).collect();
        let first = usize::try_from(self.batch.request_id.0 % fit.len().max(1) as u128).unwrap_or(0);
        fit.rotate_left(first);
        fit.sort_by_key(|member| (!peers.is_up(member.id), marks.is_marked(member), member.full));
        fit.into_iter().map(|member| member.id).collect()
    }

    fn is_away(&self, node: NodeId) -> bool {
        let failures = self.failures.get(&node).copied().unwrap_or(0);
        failures >= TRIES || failures > 0 && !self.sink.peers.is_up(node)
    }

    /// There are too few nodes to keep the `required` copies. Nodes that do not take hints are marked: if the others agree
    /// that they are away, fewer copies will do.
    async fn agree_who_is_away(&self, state: &ClusterState, required: usize) -> Result<(), WriteError> {
        let silent = self.failures.keys().filter(|node| self.is_away(**node));
        let unmarked: BTreeSet<NodeId> = silent
            .filter(|node| {
                state
                    .member(**node)
                    .is_some_and(|member| !self.sink.marks.is_marked(member))
            })
            .copied()
            .collect();
        if unmarked.is_empty() {
            return Err(WriteError::Unavailable(format!(
                "too few storage nodes are left to keep {required} copies"
            )));
        }
        for node in unmarked {
            self.sink.marks.hold(node, 0).await?;
        }
        Ok(())
    }
}
