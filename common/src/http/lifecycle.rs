//! The phases of a server's life, told to everyone who acts on them.

use tokio::sync::watch;

/// A phase; they follow each other in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Answers requests as well as it can, and is not ready for them yet.
    Starting,
    Serving,
    /// Still serving, but asking load balancers to go elsewhere.
    Leaving,
    /// No new connections; requests under way are finished.
    Draining,
}

/// The current phase of one process. Cheap to clone; all clones share it.
#[derive(Clone, Debug)]
pub struct Lifecycle(watch::Sender<Phase>);

impl Lifecycle {
    /// Begins in [`Phase::Serving`].
    pub fn new() -> Self {
        Self(watch::Sender::new(Phase::Serving))
    }

    /// Begins in [`Phase::Starting`].
    pub fn starting() -> Self {
        Self(watch::Sender::new(Phase::Starting))
    }

    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Goes on to `phase`; never back.
    pub fn enter(&self, phase: Phase) {
        self.0.send_if_modified(|current| {
            let later = phase > *current;
            if later {
                *current = phase;
            }
            later
        });
    }

    /// Waits until `phase` has begun.
    pub async fn reached(&self, phase: Phase) {
        // An error would mean that the sender is gone, and `self` is one.
        let _ = self.0.subscribe().wait_for(|current| *current >= phase).await;
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn phases_only_go_on() {
        let lifecycle = Lifecycle::new();
        let waiting = tokio::spawn({
            let lifecycle = lifecycle.clone();
            async move { lifecycle.reached(Phase::Leaving).await }
        });
        lifecycle.enter(Phase::Draining);
        lifecycle.enter(Phase::Leaving);
        assert_eq!(lifecycle.phase(), Phase::Draining);
        waiting.await.unwrap();
    }
}
