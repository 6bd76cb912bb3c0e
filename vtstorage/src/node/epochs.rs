//! Which placement epochs a node still takes writes of, and when nothing is being written under one any more.

use common::cluster::ClusterState;
use common::contract::WriteError;
use common::ids::Epoch;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The epochs as this node came to know them, by its monotonic clock. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Epochs {
    /// How long an epoch takes writes after its successor began
    grace: Duration,
    known: Arc<Mutex<Known>>,
    /// Changes when a write has ended
    ended: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    newest: Option<Epoch>,
    /// This and earlier epochs are closed for all nodes
    sealed: Epoch,
    /// When each of the last epochs was seen to have a successor
    ended: BTreeMap<Epoch, Instant>,
    /// Writes under way
    writing: BTreeMap<Epoch, usize>,
}

/// The permission to write under an epoch, to be held until that is durable.
#[derive(Debug)]
pub(crate) struct WritePass {
    epochs: Epochs,
    epoch: Epoch,
}

impl Epochs {
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            grace,
            known: Arc::default(),
            ended: watch::Sender::new(()),
        }
    }

    /// Another state was applied. To be called with each of them, without delay.
    pub(crate) fn applied(&self, state: &ClusterState) {
        let mut known = self.known.lock();
        let now = Instant::now();
        // After a start it is not known when the epoch before ended: as if it were now.
        let before = known.newest.unwrap_or(Epoch(state.epoch.0.saturating_sub(1)));
        for ended in before.0..state.epoch.0 {
            known.ended.insert(Epoch(ended), now);
        }
        known.newest = Some(before.max(state.epoch));
        known.sealed = known.sealed.max(state.sealed);
        let grace = self.grace;
        known.ended.retain(|_, ended| now.duration_since(*ended) < grace);
    }

    /// Lets a write of an epoch begin.
    ///
    /// # Errors
    /// [`WriteError::StaleEpoch`] when it is closed.
    pub(crate) fn begin(&self, epoch: Epoch) -> Result<WritePass, WriteError> {
        let mut known = self.known.lock();
        let ended = known.ended.get(&epoch);
        let open = known.newest == Some(epoch) || ended.is_some_and(|ended| ended.elapsed() < self.grace);
        if !open || epoch <= known.sealed {
            return Err(WriteError::StaleEpoch(epoch.0));
        }
        *known.writing.entry(epoch).or_default() += 1;
        let epochs = self.clone();
        Ok(WritePass { epochs, epoch })
    }

    /// Waits until an epoch and all before it are sealed and nothing is being written under them, for a bounded time.
    /// Whether it is so.
    pub(crate) async fn quiet(&self, epoch: Epoch, at_most: Duration) -> bool {
        let is_quiet = || {
            let known = self.known.lock();
            epoch <= known.sealed && known.writing.range(..=epoch).next().is_none()
        };
        let mut ended = self.ended.subscribe();
        let quiet = ended.wait_for(|()| is_quiet());
        matches!(timeout(at_most, quiet).await, Ok(Ok(_)))
    }
}

impl Drop for WritePass {
    fn drop(&mut self) {
        let mut known = self.epochs.known.lock();
        if let Some(writing) = known.writing.get_mut(&self.epoch) {
            *writing -= 1;
            if *writing == 0 {
                known.writing.remove(&self.epoch);
            }
        }
        drop(known);
        self.epochs.ended.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::state_of;

    const GRACE: Duration = Duration::from_secs(20);

    fn at(epoch: u32) -> ClusterState {
        let mut state = state_of(1..=1);
        state.epoch = Epoch(epoch);
        state
    }

    fn is_open(epochs: &Epochs, epoch: u32) -> bool {
        epochs.begin(Epoch(epoch)).is_ok()
    }

    #[test]
    fn an_epoch_stays_open_for_a_while() {
        let epochs = Epochs::new(GRACE);
        assert!(!is_open(&epochs, 0));
        epochs.applied(&at(5));
        assert!(is_open(&epochs, 5) && is_open(&epochs, 4));
        assert!(matches!(epochs.begin(Epoch(3)), Err(WriteError::StaleEpoch(3))));
        epochs.applied(&at(7));
        for open in 4..=7 {
            assert!(is_open(&epochs, open), "{open}");
        }
        assert!(!is_open(&epochs, 8));
    }

    #[test]
    fn and_then_it_is_closed() {
        let epochs = Epochs::new(GRACE);
        epochs.applied(&at(1));
        epochs.applied(&at(2));
        let Some(long_ago) = Instant::now().checked_sub(GRACE) else {
            return;
        };
        epochs.known.lock().ended.insert(Epoch(1), long_ago);
        assert!(!is_open(&epochs, 1) && is_open(&epochs, 2));
    }

    #[tokio::test]
    async fn what_is_sealed_is_closed_and_quiet_once_writes_have_ended() {
        let epochs = Epochs::new(GRACE);
        epochs.applied(&at(4));
        let writing = epochs.begin(Epoch(3)).unwrap();
        let later = epochs.begin(Epoch(4)).unwrap();
        assert!(!epochs.quiet(Epoch(3), Duration::ZERO).await);
        let sealed = ClusterState {
            sealed: Epoch(3),
            ..at(4)
        };
        epochs.applied(&sealed);
        assert!(!is_open(&epochs, 3));
        assert!(!epochs.quiet(Epoch(3), Duration::ZERO).await);
        let (quiet, ()) = tokio::join!(epochs.quiet(Epoch(3), Duration::from_secs(60)), async { drop(writing) });
        assert!(quiet);
        drop(later);
    }
}
