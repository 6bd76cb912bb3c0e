//! Fetching anew what is damaged in this node's store: of the days and epochs of damaged blocks, all spans that another
//! replica has and this node has not.
//!
//! What makes it whole and without repeats: nothing is written under the epochs any more when it begins (they are
//! sealed, if need be by beginning the next one), and neither this node nor the other bears a mark, so that no hint can
//! bring a span of them later. Until it is done this node says of the day that it misses something, and others are read.

use super::attempt::{Failed, SILENCE, check};
use super::worker::{LOOK, Node};
use crate::engine::error::StorageError;
use crate::engine::store::{Damaged, Engine};
use common::cluster::{
    ClusterState, Command, NodeId, Pull, Pulled, ReadPlan, Scope, ScopeRange, Slot, SlotSet, plan_repair,
};
use common::ids::Epoch;
use common::time::UnixNanos;
use futures::StreamExt as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// After an attempt that failed; each pause is twice as long as the one before.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Between two lines in the log about damage that nobody can repair.
const REMINDER: Duration = Duration::from_secs(3_600);

/// See the module.
pub(super) struct Repair {
    node: Arc<Node>,
    engine: Arc<Engine>,
    /// Days that were given up to be fetched whole
    emptied: BTreeSet<u32>,
    /// By day: what is damaged and does not say of which epoch it is, and the last that it can be of
    last: BTreeMap<u32, (BTreeSet<Damaged>, Epoch)>,
    /// Replicas that could not give what was asked for
    unable: BTreeSet<NodeId>,
    reminded: Option<Instant>,
}

/// What came of a look at a day.
enum Outcome {
    Repaired {
        spans: u64,
    },
    /// It is too early: the epochs are not sealed yet, or this node is out of sync
    Waits,
    /// No other node has it, or none that is in sync
    NoReplica,
}

impl Repair {
    pub(super) fn new(node: Arc<Node>, engine: Arc<Engine>) -> Self {
        Self {
            node,
            engine,
            emptied: BTreeSet::new(),
            last: BTreeMap::new(),
            unable: BTreeSet::new(),
            reminded: None,
        }
    }

    /// Looks for damage for ever.
    pub(super) async fn run(mut self) {
        let mut pause = PAUSES.0;
        loop {
            sleep(LOOK).await;
            let mut failed = false;
            for (day, parts) in by_day(self.engine.damaged()) {
                match self.day(day, parts).await {
                    Ok(Outcome::Waits) => {}
                    Ok(Outcome::Repaired { spans }) => tracing::info!(day, spans, "repaired what was damaged of a day"),
                    Ok(Outcome::NoReplica) => self.remind(day),
                    Err(why) => {
                        failed = true;
                        self.node.metrics.repair_failures.increment(1);
                        tracing::warn!(day, %why, "what is damaged of a day could not be fetched yet");
                    }
                }
            }
            if failed {
                sleep(pause).await;
            }
            pause = if failed { (pause * 2).min(PAUSES.1) } else { PAUSES.0 };
        }
    }

    fn remind(&mut self, day: u32) {
        // What failed once may be able later.
        self.unable.clear();
        if self.reminded.is_none_or(|at| at.elapsed() >= REMINDER) {
            self.reminded = Some(Instant::now());
            tracing::warn!(day, "damage stays: no node that is in sync has another copy");
        }
    }

    async fn day(&mut self, day: u32, parts: Vec<Damaged>) -> Result<Outcome, Failed> {
        let state = self.node.cluster.newest_state().await?;
        let id = self.node.cluster.id();
        if state.member(id).is_none() || !self.node.cluster.unmarked() {
            return Ok(Outcome::Waits);
        }
        let unknown: BTreeSet<Damaged> = parts.iter().filter(|part| part.epoch.is_none()).cloned().collect();
        let found = self.last.entry(day).or_insert_with(|| (unknown.clone(), state.epoch));
        if found.0 != unknown {
            *found = (unknown.clone(), state.epoch);
        }
        let epochs = epochs_of(&parts, found.1);
        let plans = epochs.iter().map(|epochs| self.plan(&state, *epochs));
        let plans: Vec<ReadPlan> = plans.collect();
        if plans.iter().any(|plan| !plan.missing.is_empty()) {
            return Ok(Outcome::NoReplica);
        }
        if parts.iter().any(|part| part.block.is_none()) && self.emptied.insert(day) {
            tracing::warn!(day, "the index of a day is damaged: all of the day is fetched anew");
            self.engine.empty_day(day).await?;
            // Also what came under the present epoch is gone.
            let epoch = self.node.cluster.newest_state().await?.epoch;
            self.last.insert(day, (unknown, epoch));
            return Ok(Outcome::Waits);
        }
        let last = epochs.iter().map(|epochs| epochs.1).max().unwrap_or_default();
        if last > state.sealed {
            if last >= state.epoch {
                let epoch = state.epoch;
                self.node.cluster.propose(Command::NextEpoch { epoch }).await?;
            }
            return Ok(Outcome::Waits);
        }
        let mut spans = 0;
        for (from, scope) in plans.into_iter().flat_map(|plan| plan.nodes) {
            let fetched = self.fetch_from(from, day, scope, state.version).await;
            spans += fetched.inspect_err(|why| {
                if matches!(why, Failed::Source(_)) {
                    self.unable.insert(from);
                }
            })?;
        }
        self.node.replicas.sync().await?;
        self.engine.repaired(parts).await?;
        self.emptied.remove(&day);
        self.last.remove(&day);
        self.unable.clear();
        Ok(Outcome::Repaired { spans })
    }

    fn plan(&self, state: &ClusterState, epochs: (Epoch, Epoch)) -> ReadPlan {
        plan_repair(state, self.node.cluster.id(), epochs, |node| {
            !self.unable.contains(&node)
        })
    }

    /// Fetches a day of what a replica holds of a scope, some slots after the others. Gives the spans that were missing.
    async fn fetch_from(&self, from: NodeId, day: u32, scope: Scope, version: u64) -> Result<u64, Failed> {
        let portions = self.engine.portions(day, scope.slots);
        let mut spans = 0;
        for portion in 0..portions {
            let scope = portion_of(&scope, portion, portions);
            if !scope.is_empty() {
                spans += self.fetch(from, day, scope, version).await?;
            }
        }
        self.node.metrics.refilled.increment(spans);
        Ok(spans)
    }

    async fn fetch(&self, from: NodeId, day: u32, scope: Scope, version: u64) -> Result<u64, Failed> {
        let _scopes = self.node.scopes.read().await;
        let source = (self.node.route)(from).ok_or(Failed::Other("its source is not known"))?;
        let mut known = self.engine.known(day, scope.clone()).await?;
        let pull = Pull {
            scope: scope.clone(),
            day: Some(day),
            version,
        };
        let (repair, mut spans) = (UnixNanos::now().0, 0);
        let mut pulls = source.pull(pull).await.map_err(Failed::Source)?;
        loop {
            let silent = |_| Failed::Other("its source is silent");
            let pulled = timeout(SILENCE, pulls.next()).await.map_err(silent)?;
            self.node.wait_while_paused().await;
            match pulled
                .ok_or(Failed::Other("its source broke off"))?
                .map_err(Failed::Source)?
            {
                Pulled::End(_) => break,
                Pulled::Write(write) => {
                    check(&write, &scope)?;
                    self.node.pace.wait(write.payload.len()).await;
                    let stored = self.engine.refill(write, scope.slots, repair, &mut known).await;
                    spans += stored.map_err(Failed::Store)?;
                }
            }
        }
        match self.engine.known(day, scope).await?.has_all_of(&known) {
            true => Ok(spans),
            false => Err(Failed::Storage(StorageError::corrupt(
                "repair",
                "some of what was stored is not here",
            ))),
        }
    }
}

fn by_day(damaged: Vec<Damaged>) -> BTreeMap<u32, Vec<Damaged>> {
    let mut days: BTreeMap<u32, Vec<Damaged>> = BTreeMap::new();
    for part in damaged {
        days.entry(part.day).or_default().push(part);
    }
    days
}

/// The epochs of what is damaged; up to `last` where some of it does not say.
fn epochs_of(parts: &[Damaged], last: Epoch) -> Vec<(Epoch, Epoch)> {
    let known: Option<BTreeSet<u32>> = parts.iter().map(|part| part.epoch).collect();
    match known {
        Some(epochs) => epochs.into_iter().map(|epoch| (Epoch(epoch), Epoch(epoch))).collect(),
        None => vec![(Epoch(0), last)],
    }
}

fn portion_of(scope: &Scope, portion: u16, portions: u16) -> Scope {
    let part = (0..scope.slots)
        .map(Slot)
        .filter(|slot| slot.0 % portions.max(1) == portion);
    let part: SlotSet = part.collect();
    let range = |range: &ScopeRange| ScopeRange {
        epochs: range.epochs,
        slots: range.slots.intersection(&part),
    };
    Scope {
        slots: scope.slots,
        ranges: scope.ranges.iter().map(range).collect(),
    }
}
