//! A sink whose spans go to all replicas of their slots.

use super::coalesce::{Coalescer, LARGEST_PART, Lane, Part, Purpose};
use super::config::ReplicationConfig;
use super::cut::{Piece, cut_within};
use super::ledger::{Share, Verdict, judge};
use super::marks::{Marks, no_state};
use super::peers::Peers;
use super::placing::{Placing, Placings};
use super::route::Route;
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use common::cluster::{ClusterId, ClusterState, ClusterView, SlotSet};
use common::contract::{BatchWrite, SpanSink, WriteError};
use common::ids::Epoch;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Requests up to this size are cut where they arrive.
const INLINE: usize = 1 << 20;

/// How long to wait for a newer epoch before the same one is tried again.
const EPOCH_WAIT: Duration = Duration::from_secs(1);
const EPOCH_POLL: Duration = Duration::from_millis(20);

/// Writes to the nodes of a cluster. `Ok` means that each span is durable on all nodes that own its slot, or kept as a hint
/// for an owner that is marked as out of sync and holds no read lease any more.
pub struct ReplicatedSink {
    pub(super) view: Arc<dyn ClusterView>,
    pub(super) peers: Arc<Peers>,
    pub(super) marks: Arc<Marks>,
    pub(super) min_copies: u8,
    coalescer: Arc<Coalescer>,
    timeout: Duration,
    placings: Placings,
    /// Of the epoch that was written under last
    route: ArcSwapOption<Placed>,
}

struct Placed {
    cluster: ClusterId,
    epoch: Epoch,
    route: Arc<Route>,
}

impl ReplicatedSink {
    /// Metrics go to the recorder installed at this time. To be called within a runtime.
    pub fn new(view: Arc<dyn ClusterView>, config: &ReplicationConfig) -> Self {
        let peers = Peers::new(view.clone(), config);
        Self {
            marks: Marks::start(view.clone(), peers.clone()),
            min_copies: config.write_min_copies,
            coalescer: Coalescer::new(
                peers.clone(),
                config.insert_coalesce_duration.as_duration(),
                config.insert_coalesce_bytes.as_usize(),
            ),
            timeout: config.write_timeout.as_duration(),
            placings: Placings::default(),
            route: ArcSwapOption::empty(),
            view,
            peers,
        }
    }

    /// Sends a batch under an epoch that all nodes know, and what is refused because that has been closed under the next.
    async fn replicate(&self, batch: &BatchWrite) -> Result<(), WriteError> {
        let mut stale: Option<SlotSet> = None;
        let mut settled = Instant::now();
        loop {
            let Placing { state, settled: since } =
                self.placings.choose(self.state()?, stale.is_some(), Instant::now());
            settled = settled.max(since);
            let mut route = self.route(&state)?;
            if let Some(stale) = &stale {
                route = Arc::new(route.limited_to(stale));
            }
            let shares = self.send(batch, state.epoch, Purpose::Replica, route).await?;
            let short = match judge(&shares) {
                Verdict::Stored => {
                    tokio::time::sleep_until(settled).await;
                    return Ok(());
                }
                Verdict::Refused(error) => return Err(error),
                Verdict::Short(short) => short,
            };
            if !short.missing.is_empty() {
                self.repair(batch, state.epoch, short.ledger, short.missing).await?;
            }
            if short.stale.is_empty() {
                tokio::time::sleep_until(settled).await;
                return Ok(());
            }
            self.peers.metrics.placed_anew.increment(1);
            self.newer_epoch(&state).await;
            stale = Some(short.stale);
        }
    }

    /// Cuts a batch, sends the pieces with those of others, and waits for all of them.
    pub(super) async fn send(
        &self,
        batch: &BatchWrite,
        epoch: Epoch,
        purpose: Purpose,
        route: Arc<Route>,
    ) -> Result<Vec<Share>, WriteError> {
        let push = |piece: Piece| {
            let lane = Lane {
                nodes: piece.group.clone(),
                purpose,
                tenant: batch.tenant,
                epoch,
            };
            let part = Part {
                id: batch.request_id,
                slots: piece.slots.clone(),
                bytes: piece.bytes,
            };
            (piece.group, piece.slots, self.coalescer.push(lane, part))
        };
        let pushed: Vec<_> = pieces(batch, route).await?.into_iter().map(push).collect();
        let mut shares = Vec::with_capacity(pushed.len());
        for (group, slots, outcomes) in pushed {
            let outcomes = match outcomes.await {
                Ok(outcomes) => outcomes,
                Err(_) => group.iter().map(|node| (*node, Err(lost()))).collect(),
            };
            shares.extend(outcomes.iter().map(|(node, outcome)| Share {
                node: *node,
                slots: slots.clone(),
                outcome: outcome.clone(),
            }));
        }
        Ok(shares)
    }

    pub(super) fn state(&self) -> Result<Arc<ClusterState>, WriteError> {
        self.view.state().ok_or_else(no_state)
    }

    fn route(&self, state: &ClusterState) -> Result<Arc<Route>, WriteError> {
        if let Some(placed) = &*self.route.load()
            && (placed.cluster, placed.epoch) == (state.cluster, state.epoch)
        {
            return Ok(placed.route.clone());
        }
        let route = Route::of_placement(state)
            .map_err(|slot| WriteError::Unavailable(format!("slot {} has no owner", slot.0)))?;
        let route = Arc::new(route);
        self.route.store(Some(Arc::new(Placed {
            cluster: state.cluster,
            epoch: state.epoch,
            route: route.clone(),
        })));
        Ok(route)
    }

    /// Waits for an epoch after that of `old`. A node that refuses an epoch may also be behind: so not for long.
    async fn newer_epoch(&self, old: &ClusterState) {
        let end = Instant::now() + EPOCH_WAIT;
        while Instant::now() < end && self.view.state().is_none_or(|state| state.epoch <= old.epoch) {
            self.view.refresh(old.version);
            tokio::time::sleep(EPOCH_POLL).await;
        }
    }
}

#[async_trait]
impl SpanSink for ReplicatedSink {
    async fn write(&self, batch: BatchWrite) -> Result<(), WriteError> {
        match tokio::time::timeout(self.timeout, self.replicate(&batch)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(WriteError::Unavailable(format!(
                "not stored by the cluster within {:?} (--write.timeout)",
                self.timeout
            ))),
        }
    }
}

async fn pieces(batch: &BatchWrite, route: Arc<Route>) -> Result<Vec<Piece>, WriteError> {
    let otlp = batch.otlp.clone();
    let work = move || cut_within(&otlp, &route, LARGEST_PART);
    let cut = if batch.otlp.len() <= INLINE {
        work()
    } else {
        let worked = tokio::task::spawn_blocking(work).await;
        worked.map_err(|error| WriteError::Unavailable(error.to_string()))?
    };
    cut.map_err(|error| WriteError::Invalid(error.to_string()))
}

fn lost() -> WriteError {
    WriteError::Unavailable("the message was lost".into())
}
