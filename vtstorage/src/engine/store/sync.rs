//! Group fsync of the log: one sync for all batches written since the last one, each second or as soon as somebody
//! waits for it. And the signal by which background threads are woken.

use super::rocks::Rocks;
use crate::engine::error::StorageError;
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Wakes a thread that waits for work, or ends it.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    flags: Mutex<Flags>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Flags {
    raised: bool,
    stopped: bool,
}

impl Signal {
    /// There is something to do.
    pub(crate) fn raise(&self) {
        self.flags.lock().raised = true;
        self.changed.notify_all();
    }

    /// The thread shall end.
    pub(crate) fn stop(&self) {
        self.flags.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.flags.lock().stopped
    }

    /// Waits until the signal is raised, at most for `timeout`. False if the thread shall end.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let mut flags = self.flags.lock();
        if !flags.raised && !flags.stopped {
            self.changed.wait_for(&mut flags, timeout);
        }
        flags.raised = false;
        !flags.stopped
    }
}

#[derive(Clone, Debug, Default)]
struct Progress {
    /// All writes with tickets up to this one are on the disk
    synced: u64,
    /// A sync failed that would have covered tickets up to this one
    failed: u64,
    error: Option<StorageError>,
}

/// Syncs the log for writers who wait.
#[derive(Debug)]
pub(crate) struct Syncer {
    /// Tickets given out
    written: AtomicU64,
    progress: watch::Sender<Progress>,
    pub(crate) signal: Signal,
}

impl Default for Syncer {
    fn default() -> Self {
        Self {
            written: AtomicU64::default(),
            progress: watch::Sender::new(Progress::default()),
            signal: Signal::default(),
        }
    }
}

impl Syncer {
    /// To be called after a write; the ticket may be waited for.
    pub(crate) fn written(&self) -> u64 {
        self.written.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Waits until the write with this ticket is on the disk.
    pub(crate) async fn synced(&self, ticket: u64) -> Result<(), StorageError> {
        let mut progress = self.progress.subscribe();
        self.signal.raise();
        let done = progress
            .wait_for(|progress| progress.synced >= ticket || progress.failed >= ticket)
            .await;
        match done {
            Ok(progress) if progress.synced >= ticket => Ok(()),
            Ok(progress) => Err(progress.error.clone().unwrap_or(StorageError::Closed)),
            Err(_) => Err(StorageError::Closed),
        }
    }

    /// Tells those who wait, now and later, that there will be no sync.
    pub(crate) fn end(&self) {
        let end = |p: &mut Progress| (p.failed, p.error) = (u64::MAX, Some(StorageError::Closed));
        self.progress.send_modify(end);
    }

    /// Syncs what was written since the last time, if anything was.
    pub(crate) fn sync(&self, rocks: &Rocks) -> Result<(), StorageError> {
        let upto = self.written.load(Ordering::SeqCst);
        if upto == self.progress.borrow().synced {
            return Ok(());
        }
        let result = rocks.sync();
        self.progress.send_modify(|progress| match &result {
            Ok(()) => progress.synced = upto,
            Err(e) => (progress.failed, progress.error) = (upto, Some(e.clone())),
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_signal_is_not_lost() {
        let signal = Signal::default();
        signal.raise();
        assert!(signal.wait(Duration::from_secs(3600)));
        assert!(signal.wait(Duration::ZERO), "not raised again, not stopped");
        signal.stop();
        assert!(!signal.wait(Duration::from_secs(3600)));
    }
}
