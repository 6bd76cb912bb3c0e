//! Read leases: a node that holds one answers reads as one that misses nothing.
//!
//! The leader grants a lease of at most [`LEASE`], counted from the last time it was sure to be the leader and had
//! applied all that was committed. The node counts what it is granted from when it sent the request. So whatever delays a
//! message shortens the lease, and [`LEASE`] after a mark is committed the marked node has none, whoever granted it.

use common::cluster::NodeId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The longest lease.
pub const LEASE: Duration = Duration::from_secs(2);
/// Less than this is not worth granting.
const LEAST: Duration = Duration::from_millis(300);

/// The lease of one node.
#[derive(Debug)]
pub(crate) struct ReadLease {
    until: watch::Sender<Option<Instant>>,
}

impl Default for ReadLease {
    fn default() -> Self {
        Self {
            until: watch::Sender::new(None),
        }
    }
}

impl ReadLease {
    pub(crate) fn held(&self) -> bool {
        is_ahead(*self.until.borrow())
    }

    /// What is left of it.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        let until = *self.until.borrow();
        until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// A lease was granted to a request sent at `asked`.
    pub(crate) fn granted(&self, asked: Instant, lease: Duration) {
        self.until.send_if_modified(|until| {
            let granted = Some(asked + lease.min(LEASE));
            let longer = granted > *until;
            if longer {
                *until = granted;
            }
            longer
        });
    }

    pub(crate) fn drop_now(&self) {
        self.until.send_replace(None);
    }

    /// Waits until there is one, for a bounded time. Whether there is.
    pub(crate) async fn wait(&self, at_most: Duration) -> bool {
        let mut until = self.until.subscribe();
        let waited = timeout(at_most, until.wait_for(|until| is_ahead(*until))).await;
        matches!(waited, Ok(Ok(_)))
    }
}

fn is_ahead(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until > Instant::now())
}

/// The nodes that the leader has heard of lately, as it told this one.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<Option<(Instant, Vec<NodeId>)>>);

impl Live {
    pub(crate) fn told(&self, live: Vec<NodeId>) {
        *self.0.lock() = Some((Instant::now(), live));
    }

    /// Nobody, where the leader has said nothing for a while.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        let told = self.0.lock();
        let recent = told.as_ref().filter(|(at, _)| at.elapsed() < LEASE);
        recent.map_or_else(Vec::new, |(_, live)| live.clone())
    }
}

/// The last sign of life of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    at: Instant,
    pub(crate) healthy: bool,
}

/// What a leader needs to grant leases, and hears while it does.
#[derive(Debug, Default)]
pub(crate) struct Grantor {
    /// When this node was sure to be the leader
    confirmed: Mutex<Option<Instant>>,
    heard: Mutex<BTreeMap<NodeId, Heard>>,
}

impl Grantor {
    /// At `since` or later, most voters took this node for the leader; all that was committed then is applied.
    pub(crate) fn confirm(&self, since: Instant) {
        *self.confirmed.lock() = Some(since);
    }

    /// The node is no longer the leader: what it was sure of and has heard is of no use.
    pub(crate) fn clear(&self) {
        *self.confirmed.lock() = None;
        self.heard.lock().clear();
    }

    pub(crate) fn hear(&self, node: NodeId, healthy: bool) {
        let at = Instant::now();
        self.heard.lock().insert(node, Heard { at, healthy });
    }

    /// The lease that may be granted now; `None` if this node is not sure enough to be the leader.
    pub(crate) fn lease(&self) -> Option<Duration> {
        let confirmed = (*self.confirmed.lock())?;
        let left = LEASE.checked_sub(confirmed.elapsed())?;
        (left >= LEAST).then_some(left)
    }

    /// The nodes that were heard of not long ago.
    pub(crate) fn live(&self) -> Vec<NodeId> {
        let heard = self.heard.lock();
        let live = heard.iter().filter(|(_, heard)| heard.at.elapsed() < LEASE);
        live.map(|(node, _)| *node).collect()
    }

    /// What was heard of a node, if that is not long ago.
    pub(crate) fn heard(&self, node: NodeId) -> Option<Heard> {
        let heard = *self.heard.lock().get(&node)?;
        (heard.at.elapsed() < LEASE).then_some(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lease_counts_from_the_request() {
        let lease = ReadLease::default();
        assert!(!lease.held());
        let asked = Instant::now();
        lease.granted(asked, Duration::from_secs(60));
        assert!(lease.held() && lease.remaining().unwrap() <= LEASE);
        lease.drop_now();
        assert!(!lease.held());
        if let Some(long_ago) = asked.checked_sub(Duration::from_secs(3)) {
            lease.granted(long_ago, LEASE);
            assert!(!lease.held());
        }
    }

    #[tokio::test]
    async fn who_waits_gets_the_next_one() {
        let lease = ReadLease::default();
        assert!(!lease.wait(Duration::ZERO).await);
        let (held, ()) = tokio::join!(lease.wait(Duration::from_secs(60)), async {
            lease.granted(Instant::now(), LEASE);
        });
        assert!(held);
    }

    #[tokio::test]
    async fn a_leader_grants_what_is_left_of_its_confirmation() {
        let grantor = Grantor::default();
        assert_eq!(grantor.lease(), None);
        grantor.confirm(Instant::now());
        assert!(grantor.lease().is_some_and(|lease| lease <= LEASE));
        if let Some(long_ago) = Instant::now().checked_sub(LEASE) {
            grantor.confirm(long_ago);
            assert_eq!(grantor.lease(), None);
        }
    }
}
