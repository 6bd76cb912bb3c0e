//! Which placement epochs a node still takes writes of.

use common::cluster::ClusterState;
use common::contract::WriteError;
use common::ids::Epoch;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long an epoch takes writes after its successor began: twice the longest that a client's request takes, so that
/// what began under an epoch can end under it.
pub(crate) const GRACE: Duration = Duration::from_secs(20);

/// The epochs as this node came to know them, by its monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Epochs(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    newest: Option<Epoch>,
    /// When each of the last epochs was seen to have a successor
    ended: BTreeMap<Epoch, Instant>,
}

impl Epochs {
    /// Another state was applied. To be called with each of them, without delay.
    pub(crate) fn applied(&self, state: &ClusterState) {
        let mut known = self.0.lock();
        let now = Instant::now();
        // After a start it is not known when the epoch before ended: as if it were now.
        let before = known.newest.unwrap_or(Epoch(state.epoch.0.saturating_sub(1)));
        for ended in before.0..state.epoch.0 {
            known.ended.insert(Epoch(ended), now);
        }
        known.newest = Some(state.epoch);
        known.ended.retain(|_, ended| now.duration_since(*ended) < GRACE);
    }

    /// Whether the node takes writes of an epoch that it knows.
    ///
    /// # Errors
    /// [`WriteError::StaleEpoch`] when it is closed.
    pub(crate) fn check(&self, epoch: Epoch) -> Result<(), WriteError> {
        let known = self.0.lock();
        let ended = known.ended.get(&epoch);
        let open = known.newest == Some(epoch) || ended.is_some_and(|ended| ended.elapsed() < GRACE);
        open.then_some(()).ok_or(WriteError::StaleEpoch(epoch.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::state_of;

    fn at(epoch: u32) -> ClusterState {
        let mut state = state_of(1..=1);
        state.epoch = Epoch(epoch);
        state
    }

    #[test]
    fn an_epoch_stays_open_for_a_while() {
        let epochs = Epochs::default();
        assert!(epochs.check(Epoch(0)).is_err());
        epochs.applied(&at(5));
        assert!(epochs.check(Epoch(5)).is_ok() && epochs.check(Epoch(4)).is_ok());
        assert!(matches!(epochs.check(Epoch(3)), Err(WriteError::StaleEpoch(3))));
        epochs.applied(&at(7));
        for open in 4..=7 {
            assert!(epochs.check(Epoch(open)).is_ok(), "{open}");
        }
        assert!(epochs.check(Epoch(8)).is_err());
    }

    #[test]
    fn and_then_it_is_closed() {
        let epochs = Epochs::default();
        epochs.applied(&at(1));
        epochs.applied(&at(2));
        let Some(long_ago) = Instant::now().checked_sub(GRACE) else {
            return;
        };
        epochs.0.lock().ended.insert(Epoch(1), long_ago);
        assert!(epochs.check(Epoch(1)).is_err());
        assert!(epochs.check(Epoch(2)).is_ok());
    }
}
