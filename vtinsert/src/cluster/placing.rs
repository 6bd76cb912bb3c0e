//! By which placement spans are written for the moment after another one was decided on.
//!
//! A node that does not know the new placement yet may hold a read lease for a while, and answer for slots whose new
//! spans go elsewhere. So nothing that is written by a new placement is acknowledged before these leases have run out.
//! Nobody waits for that: the old placement takes writes for much longer, and is used until then.

use super::marks::LEASE_END;
use common::cluster::ClusterState;
use common::ids::Epoch;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::time::Instant;

/// How a batch is placed.
#[derive(Clone, Debug)]
pub(super) struct Placing {
    pub state: Arc<ClusterState>,
    /// When it may be acknowledged at the earliest
    pub settled: Instant,
}

/// The last placements that came up.
#[derive(Debug, Default)]
pub(super) struct Placings(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    newest: Option<Arc<ClusterState>>,
    /// When the newest epoch was first seen
    since: Option<Instant>,
    /// The last state of the epoch before
    before: Option<Arc<ClusterState>>,
}

impl Placings {
    /// Chooses by what placement to write, `newest` being the newest state that is known. `refused`: the epoch before it is
    /// closed.
    pub(super) fn choose(&self, newest: Arc<ClusterState>, refused: bool, now: Instant) -> Placing {
        let mut known = self.0.lock();
        known.look(&newest, now);
        let settled = known.since.map_or(now, |since| since + LEASE_END);
        let is_settled = settled <= now || is_old(&newest);
        let before = known.before.clone().filter(|before| is_usable(before, &newest));
        match before {
            Some(state) if !is_settled && !refused => Placing { state, settled: now },
            _ if is_settled => Placing {
                state: newest,
                settled: now,
            },
            _ => Placing { state: newest, settled },
        }
    }
}

impl Known {
    fn look(&mut self, newest: &Arc<ClusterState>, now: Instant) {
        let epoch = |state: &Arc<ClusterState>| (state.cluster, state.epoch);
        if self.newest.as_ref().map(epoch) != Some(epoch(newest)) {
            let before = self.newest.take();
            self.before = before.filter(|before| before.cluster == newest.cluster);
            self.since = Some(now);
        }
        self.newest = Some(newest.clone());
    }
}

/// Whether the epoch has begun long ago: those before it are sealed by now.
fn is_old(state: &ClusterState) -> bool {
    state.sealed >= Epoch(state.epoch.0.saturating_sub(1))
}

/// Whether all nodes that the old placement has are still members, and its epoch may be open.
fn is_usable(before: &ClusterState, newest: &ClusterState) -> bool {
    let mut owners = before.placement.slots.iter().filter_map(|history| history.last());
    before.epoch > newest.sealed && owners.all(|entry| entry.replicas.iter().all(|id| newest.member(*id).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::tests::memory;
    use std::time::Duration;

    fn at(epoch: u32, sealed: u32, nodes: u64) -> Arc<ClusterState> {
        let mut state = memory::state(nodes, 2);
        (state.epoch, state.sealed) = (Epoch(epoch), Epoch(sealed));
        Arc::new(state)
    }

    fn chosen(placings: &Placings, state: &Arc<ClusterState>, refused: bool, now: Instant) -> (u32, Duration) {
        let placing = placings.choose(state.clone(), refused, now);
        (placing.state.epoch.0, placing.settled - now)
    }

    #[test]
    fn the_placement_before_is_used_until_leases_have_run_out() {
        let (placings, now) = (Placings::default(), Instant::now());
        let (one, two) = (at(1, 0, 3), at(2, 0, 3));
        assert_eq!(chosen(&placings, &one, false, now), (1, Duration::ZERO));
        assert_eq!(chosen(&placings, &two, false, now), (1, Duration::ZERO));
        let soon = now + LEASE_END / 2;
        assert_eq!(chosen(&placings, &two, false, soon), (1, Duration::ZERO));
        assert_eq!(chosen(&placings, &two, true, soon), (2, LEASE_END / 2));
        assert_eq!(chosen(&placings, &two, false, now + LEASE_END), (2, Duration::ZERO));
    }

    #[test]
    fn without_one_the_acknowledgement_waits() {
        let (placings, now) = (Placings::default(), Instant::now());
        assert_eq!(chosen(&placings, &at(5, 3, 3), false, now), (5, LEASE_END));
        assert_eq!(chosen(&placings, &at(5, 4, 3), false, now), (5, Duration::ZERO));
        // Of the nodes before, one is no member any more.
        assert_eq!(chosen(&placings, &at(6, 4, 2), false, now), (6, LEASE_END));
    }
}
