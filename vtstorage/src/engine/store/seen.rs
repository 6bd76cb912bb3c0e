//! Request ids accepted within the last hour, so that a client's retry is stored once. In memory; the same WriteBatch
//! that logs a batch logs its id, in buckets of some minutes that are forgotten whole.

use common::ids::RequestId;
use common::time::UnixNanos;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// An id is remembered this long.
const KEPT: Duration = Duration::from_secs(3_600);
/// A bucket takes ids for this long.
const WIDTH: Duration = Duration::from_secs(600);
/// Buckets over the time that ids are kept, the one being filled included.
const BUCKETS: usize = 7;

#[derive(Debug)]
struct Bucket {
    /// When it was opened, in nanoseconds; ascending
    start: u64,
    ids: HashSet<RequestId>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first
    buckets: VecDeque<Bucket>,
    total: usize,
    /// Requests being stored; the sender tells those who wait that it is over
    pending: HashMap<RequestId, watch::Receiver<()>>,
}

/// The ids of accepted requests and of those being stored.
#[derive(Debug)]
pub(crate) struct SeenRequests {
    state: Mutex<State>,
    max: usize,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It was stored before.
    Seen,
    /// The same request is being stored: wait until that is over, then claim again.
    Busy(watch::Receiver<()>),
    /// To be stored by the caller.
    Mine(Ticket),
}

/// The right to store a request; whoever comes with the same one waits until it is accepted or dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    seen: Arc<SeenRequests>,
    id: RequestId,
    _over: watch::Sender<()>,
}

impl SeenRequests {
    /// Remembers up to about `max` ids.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            state: Mutex::default(),
            max,
        }
    }

    pub(crate) fn claim(self: &Arc<Self>, id: RequestId) -> Claim {
        let mut state = self.state.lock();
        if state.buckets.iter().any(|bucket| bucket.ids.contains(&id)) {
            return Claim::Seen;
        }
        if let Some(over) = state.pending.get(&id) {
            return Claim::Busy(over.clone());
        }
        let (sender, receiver) = watch::channel(());
        state.pending.insert(id, receiver);
        Claim::Mine(Ticket {
            seen: self.clone(),
            id,
            _over: sender,
        })
    }

    /// The bucket that an id accepted now belongs to.
    fn bucket(&self, now: UnixNanos) -> u64 {
        let mut state = self.state.lock();
        let last = state.buckets.back().map(|bucket| (bucket.start, bucket.ids.len()));
        match last {
            Some((start, ids)) if now < UnixNanos(start).saturating_add(WIDTH) && ids < self.max.div_ceil(BUCKETS) => {
                start
            }
            _ => {
                let start = now.0.max(last.map_or(0, |(start, _)| start + 1));
                state.buckets.push_back(Bucket {
                    start,
                    ids: HashSet::new(),
                });
                start
            }
        }
    }

    /// Takes back an id that was stored before a restart.
    pub(crate) fn restore(&self, bucket: u64, id: RequestId) {
        let mut state = self.state.lock();
        if state.buckets.back().is_none_or(|last| last.start < bucket) {
            state.buckets.push_back(Bucket {
                start: bucket,
                ids: HashSet::new(),
            });
        }
        state.insert(bucket, id);
    }

    /// Forgets what is too old or too much. All buckets before the returned one are forgotten.
    pub(crate) fn expire(&self, now: UnixNanos) -> Option<u64> {
        let mut state = self.state.lock();
        let oldest = now.saturating_sub(KEPT).0;
        // The ids of a bucket are as young as the start of the next one.
        while state
            .buckets
            .get(1)
            .is_some_and(|next| next.start < oldest || state.total > self.max)
        {
            let gone = state.buckets.pop_front().map_or(0, |bucket| bucket.ids.len());
            state.total -= gone;
        }
        state.buckets.front().map(|bucket| bucket.start)
    }

    /// The number of remembered ids.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().total
    }
}

impl State {
    fn insert(&mut self, bucket: u64, id: RequestId) {
        let bucket = self.buckets.iter_mut().rev().find(|known| known.start == bucket);
        if bucket.is_some_and(|bucket| bucket.ids.insert(id)) {
            self.total += 1;
        }
    }
}

impl Ticket {
    pub(crate) fn id(&self) -> RequestId {
        self.id
    }

    /// The bucket to store the id in.
    pub(crate) fn bucket(&self, now: UnixNanos) -> u64 {
        self.seen.bucket(now)
    }

    /// The request is durable: from now on it is known in `bucket`.
    pub(crate) fn accept(self, bucket: u64) {
        self.seen.state.lock().insert(bucket, self.id);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.seen.state.lock().pending.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(seen: &Arc<SeenRequests>, id: u128, now: UnixNanos) -> bool {
        match seen.claim(RequestId(id)) {
            Claim::Seen => false,
            Claim::Busy(_) => panic!("nobody stores it"),
            Claim::Mine(ticket) => {
                let bucket = ticket.bucket(now);
                ticket.accept(bucket);
                true
            }
        }
    }

    fn minute(minutes: u64) -> UnixNanos {
        UnixNanos::from_secs(1_000_000 + 60 * minutes)
    }

    #[test]
    fn an_id_is_known_for_an_hour() {
        let seen = Arc::new(SeenRequests::new(1_000));
        assert!(accept(&seen, 1, minute(0)));
        for at in (0..=60).step_by(10) {
            assert!(accept(&seen, 100 + u128::from(at), minute(at)));
            seen.expire(minute(at));
            assert!(!accept(&seen, 1, minute(at)), "{at}");
        }
        assert_eq!(seen.expire(minute(71)), Some(minute(10).0));
        assert!(accept(&seen, 1, minute(71)));
    }

    #[test]
    fn the_oldest_go_first_when_there_are_too_many() {
        let seen = Arc::new(SeenRequests::new(70));
        for id in 0..1_000 {
            assert!(accept(&seen, id, minute(0)));
            seen.expire(minute(0));
            assert!(seen.len() <= 70);
        }
        assert!(!accept(&seen, 999, minute(0)) && !accept(&seen, 950, minute(0)));
        assert!(accept(&seen, 0, minute(0)));
    }

    #[test]
    fn restored_ids_are_known() {
        let seen = Arc::new(SeenRequests::new(70));
        for (bucket, id) in [(5, 1), (5, 2), (9, 3)] {
            seen.restore(bucket, RequestId(id));
        }
        assert_eq!(seen.len(), 3);
        assert!(!accept(&seen, 2, minute(0)) && !accept(&seen, 3, minute(0)));
    }

    #[tokio::test]
    async fn a_second_request_waits_for_the_first() {
        let seen = Arc::new(SeenRequests::new(70));
        let Claim::Mine(first) = seen.claim(RequestId(1)) else {
            panic!("new")
        };
        let Claim::Busy(mut over) = seen.claim(RequestId(1)) else {
            panic!("being stored")
        };
        assert!(over.has_changed().is_ok(), "the first is not over");
        drop(first);
        over.changed().await.unwrap_err();
        let Claim::Mine(again) = seen.claim(RequestId(1)) else {
            panic!("the first failed")
        };
        let Claim::Busy(mut over) = seen.claim(RequestId(1)) else {
            panic!("being stored")
        };
        let bucket = again.bucket(minute(0));
        again.accept(bucket);
        over.changed().await.unwrap_err();
        assert!(matches!(seen.claim(RequestId(1)), Claim::Seen));
    }
}
