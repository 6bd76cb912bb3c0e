//! Requests accepted within the last hour, so that a client's retry is stored once: each with its slots that are stored
//! here, under the epoch that they are stored under: where a slot had other owners then, it is not stored here for its
//! present ones. In memory; the same WriteBatch that logs a batch logs its requests, in buckets of some minutes that are
//! forgotten whole.

use super::slots::Slots;
use common::cluster::{Placement, RequestPart};
use common::ids::{Epoch, RequestId};
use common::time::UnixNanos;
use parking_lot::Mutex;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A request is remembered this long.
const KEPT: Duration = Duration::from_secs(3_600);
/// A bucket takes requests for this long.
const WIDTH: Duration = Duration::from_secs(600);
/// Buckets over the time that requests are kept, the one being filled included.
const BUCKETS: usize = 7;
/// So many bytes of slots count as one more request in memory.
const SLOT_BYTES: usize = 64;

#[derive(Debug)]
struct Bucket {
    /// When it was opened, in nanoseconds; ascending
    start: u64,
    /// The slots of each request that are stored under an epoch, as bytes: most are few
    requests: HashMap<(RequestId, Epoch), Box<[u8]>>,
    /// Those epochs
    epochs: BTreeSet<Epoch>,
    weight: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first
    buckets: VecDeque<Bucket>,
    /// Of all buckets
    weight: usize,
    /// Requests being stored
    pending: HashMap<RequestId, Vec<Pending>>,
    /// Tickets given out
    tickets: u64,
}

/// Slots of a request that are being stored.
#[derive(Debug)]
struct Pending {
    ticket: u64,
    slots: Slots,
    /// Tells those who wait that it is over
    over: watch::Receiver<()>,
}

/// The requests that were accepted and those being stored.
#[derive(Debug)]
pub(crate) struct SeenRequests {
    state: Mutex<State>,
    max: usize,
}

/// What becomes of one or more requests that came in one message.
#[derive(Debug)]
pub(crate) enum Claim {
    /// All were stored before.
    Seen,
    /// One of them is being stored: wait until that is over, then claim again.
    Busy(watch::Receiver<()>),
    /// To be stored by the caller.
    Mine(Ticket),
}

/// The right to store requests; whoever comes with one of them waits until they are accepted or dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    seen: Arc<SeenRequests>,
    number: u64,
    epoch: Epoch,
    /// For each request of the message the slots to store, which may be none
    grants: Vec<(RequestId, Slots)>,
    _over: watch::Sender<()>,
}

impl SeenRequests {
    /// Remembers up to about `max` requests.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            state: Mutex::default(),
            max,
        }
    }

    /// Claims a whole request.
    pub(crate) fn claim(self: &Arc<Self>, id: RequestId) -> Claim {
        self.claim_all(vec![(id, Slots::All)], Epoch::default(), &Placement::default())
    }

    /// Claims the parts of a message that is written under an epoch. The placement tells which slots had other owners
    /// before.
    pub(crate) fn claim_parts(self: &Arc<Self>, parts: &[RequestPart], epoch: Epoch, placement: &Placement) -> Claim {
        let wanted = parts.iter().map(|part| (part.id, Slots::Some(part.slots.clone())));
        self.claim_all(wanted.collect(), epoch, placement)
    }

    fn claim_all(self: &Arc<Self>, wanted: Vec<(RequestId, Slots)>, epoch: Epoch, placement: &Placement) -> Claim {
        let mut state = self.state.lock();
        if let Some(over) = wanted.iter().find_map(|(id, slots)| state.busy(*id, slots)) {
            return Claim::Busy(over);
        }
        let (sender, receiver) = watch::channel(());
        let number = state.tickets;
        state.tickets += 1;
        let mut grants = Vec::with_capacity(wanted.len());
        for (id, slots) in wanted {
            let fresh = state.fresh(id, slots, epoch, placement);
            if !fresh.is_empty() {
                state.pending.entry(id).or_default().push(Pending {
                    ticket: number,
                    slots: fresh.clone(),
                    over: receiver.clone(),
                });
            }
            grants.push((id, fresh));
        }
        drop(state);
        if grants.iter().all(|(_, slots)| slots.is_empty()) {
            return Claim::Seen;
        }
        Claim::Mine(Ticket {
            seen: self.clone(),
            number,
            epoch,
            grants,
            _over: sender,
        })
    }

    /// The bucket that a request accepted now belongs to.
    fn bucket(&self, now: UnixNanos) -> u64 {
        let mut state = self.state.lock();
        let last = state.buckets.back().map(|bucket| (bucket.start, bucket.weight));
        match last {
            Some((start, weight))
                if now < UnixNanos(start).saturating_add(WIDTH) && weight < self.max.div_ceil(BUCKETS) =>
            {
                start
            }
            _ => {
                let start = now.0.max(last.map_or(0, |(start, _)| start + 1));
                state.open(start);
                start
            }
        }
    }

    /// Takes back a request that was stored before a restart.
    pub(crate) fn restore(&self, bucket: u64, id: RequestId, epoch: Epoch, slots: &Slots) {
        let mut state = self.state.lock();
        if state.buckets.back().is_none_or(|last| last.start < bucket) {
            state.open(bucket);
        }
        state.insert(bucket, id, epoch, slots);
    }

    /// Forgets what is too old or too much. All buckets before the returned one are forgotten.
    pub(crate) fn expire(&self, now: UnixNanos) -> Option<u64> {
        let mut state = self.state.lock();
        let oldest = now.saturating_sub(KEPT).0;
        // The requests of a bucket are as young as the start of the next one.
        while state
            .buckets
            .get(1)
            .is_some_and(|next| next.start < oldest || state.weight > self.max)
        {
            let gone = state.buckets.pop_front().map_or(0, |bucket| bucket.weight);
            state.weight -= gone;
        }
        state.buckets.front().map(|bucket| bucket.start)
    }

    /// The number of remembered requests.
    pub(crate) fn len(&self) -> usize {
        let state = self.state.lock();
        state.buckets.iter().map(|bucket| bucket.requests.len()).sum()
    }
}

impl State {
    fn open(&mut self, start: u64) {
        self.buckets.push_back(Bucket {
            start,
            requests: HashMap::new(),
            epochs: BTreeSet::new(),
            weight: 0,
        });
    }

    /// Who is storing one of these slots.
    fn busy(&self, id: RequestId, slots: &Slots) -> Option<watch::Receiver<()>> {
        let pending = self.pending.get(&id)?;
        let other = pending.iter().find(|pending| pending.slots.overlaps(slots))?;
        Some(other.over.clone())
    }

    /// Those of the slots that are neither stored nor being stored.
    fn fresh(&self, id: RequestId, slots: Slots, epoch: Epoch, placement: &Placement) -> Slots {
        let mut fresh = slots;
        for bucket in &self.buckets {
            for stored in &bucket.epochs {
                let known = bucket.requests.get(&(id, *stored));
                let known = known.and_then(|bytes| Slots::from_bytes(bytes));
                let same_owners = |slot| placement.begin(slot, *stored) == placement.begin(slot, epoch);
                fresh = match known {
                    Some(known) if *stored == epoch => fresh.without(&known),
                    Some(known) => fresh.without_some(&known, same_owners),
                    None => fresh,
                };
            }
        }
        let pending = self.pending.get(&id).into_iter().flatten();
        pending.fold(fresh, |fresh, pending| fresh.without(&pending.slots))
    }

    fn insert(&mut self, bucket: u64, id: RequestId, epoch: Epoch, slots: &Slots) {
        let Some(bucket) = self.buckets.iter_mut().rev().find(|known| known.start == bucket) else {
            return;
        };
        let weight = |bytes: &[u8]| 1 + bytes.len() / SLOT_BYTES;
        bucket.epochs.insert(epoch);
        let (before, after) = match bucket.requests.entry((id, epoch)) {
            Entry::Vacant(entry) => (0, weight(entry.insert(slots.to_bytes().into()))),
            Entry::Occupied(mut entry) => {
                let before = weight(entry.get());
                let known = Slots::from_bytes(entry.get());
                let all = known.map_or_else(|| slots.clone(), |known| known.with(slots));
                entry.insert(all.to_bytes().into());
                (before, weight(entry.get()))
            }
        };
        bucket.weight = bucket.weight + after - before;
        self.weight = self.weight + after - before;
    }
}

impl Ticket {
    /// For each request of the message, in order, the slots to store, which may be none.
    pub(crate) fn grants(&self) -> &[(RequestId, Slots)] {
        &self.grants
    }

    /// The epoch that they are stored under.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The bucket to store the requests in.
    pub(crate) fn bucket(&self, now: UnixNanos) -> u64 {
        self.seen.bucket(now)
    }

    /// The requests are durable: from now on they are known in `bucket`.
    pub(crate) fn accept(self, bucket: u64) {
        let mut state = self.seen.state.lock();
        for (id, slots) in self.grants.iter().filter(|(_, slots)| !slots.is_empty()) {
            state.insert(bucket, *id, self.epoch, slots);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.seen.state.lock();
        for (id, _) in &self.grants {
            if let Entry::Occupied(mut entry) = state.pending.entry(*id) {
                entry.get_mut().retain(|pending| pending.ticket != self.number);
                if entry.get().is_empty() {
                    entry.remove();
                }
            }
        }
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
            seen.restore(bucket, RequestId(id), Epoch::default(), &Slots::All);
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

    fn part(id: u128, slots: &[u16]) -> RequestPart {
        RequestPart {
            id: RequestId(id),
            slots: slots.iter().copied().map(common::cluster::Slot).collect(),
            bytes: 0,
        }
    }

    fn claim_parts(seen: &Arc<SeenRequests>, parts: &[RequestPart]) -> Claim {
        seen.claim_parts(parts, Epoch(1), &Placement::default())
    }

    fn granted(claim: Claim) -> (Ticket, Vec<Slots>) {
        let Claim::Mine(ticket) = claim else {
            panic!("{claim:?}")
        };
        let slots = ticket.grants().iter().map(|(_, slots)| slots.clone()).collect();
        (ticket, slots)
    }

    fn some(slots: &[u16]) -> Slots {
        Slots::Some(part(0, slots).slots)
    }

    #[test]
    fn a_slot_of_a_request_is_granted_once() {
        let seen = Arc::new(SeenRequests::new(70));
        let (first, slots) = granted(claim_parts(&seen, &[part(1, &[1, 2]), part(2, &[1])]));
        assert_eq!(slots, [some(&[1, 2]), some(&[1])]);
        // Others of its slots are stored at the same time.
        let (second, slots) = granted(claim_parts(&seen, &[part(1, &[3])]));
        assert_eq!(slots, [some(&[3])]);
        assert!(matches!(
            claim_parts(&seen, &[part(5, &[9]), part(2, &[1, 4])]),
            Claim::Busy(_)
        ));
        assert!(matches!(seen.claim(RequestId(1)), Claim::Busy(_)));
        let bucket = first.bucket(minute(0));
        first.accept(bucket);
        drop(second);
        // In another bucket.
        let (third, slots) = granted(claim_parts(&seen, &[part(1, &[2, 3]), part(2, &[1])]));
        assert_eq!(slots, [some(&[3]), some(&[])]);
        let bucket = third.bucket(minute(20));
        third.accept(bucket);
        assert!(matches!(
            claim_parts(&seen, &[part(1, &[1, 2, 3]), part(2, &[1])]),
            Claim::Seen
        ));
        assert_eq!(seen.len(), 3, "one request is in two buckets");
    }

    #[test]
    fn a_message_may_have_a_request_twice() {
        let seen = Arc::new(SeenRequests::new(70));
        let (ticket, slots) = granted(claim_parts(&seen, &[part(1, &[1, 2]), part(1, &[2, 3])]));
        assert_eq!(slots, [some(&[1, 2]), some(&[3])]);
        let bucket = ticket.bucket(minute(0));
        ticket.accept(bucket);
        assert!(matches!(claim_parts(&seen, &[part(1, &[1, 2, 3])]), Claim::Seen));
    }

    #[test]
    fn a_whole_request_has_all_its_slots() {
        let seen = Arc::new(SeenRequests::new(70));
        assert!(accept(&seen, 1, minute(0)));
        assert!(matches!(claim_parts(&seen, &[part(1, &[1, 1_000])]), Claim::Seen));
    }
}
