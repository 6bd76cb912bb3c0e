//! The part of the store that changes all the time: the open head, sealed heads on their way to blocks, and the blocks
//! that queries see. It decides what is in which head and swaps the picture that queries get; it persists nothing.
//!
//! The gate makes a seal exact: an append holds it shared from the moment it takes a WAL sequence until its spans are in
//! the open head, a seal holds it alone. So a head sealed at S has every batch up to S that is in no earlier head.

use super::view::{Chunk, HeadBatch, HeadList, Partitions, View, join};
use parking_lot::{Mutex, RwLock};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A head that takes no more batches.
#[derive(Debug)]
pub(crate) struct SealedHead {
    /// Its batches have WAL sequences up to this one
    pub(crate) upto: u64,
    pub(crate) list: HeadList,
    pub(crate) rows: usize,
    /// Memory
    pub(crate) bytes: usize,
    pub(crate) wal_bytes: u64,
}

/// When a head is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
struct OpenHead {
    list: HeadList,
    rows: usize,
    /// Rows of batches being logged, and of those that are in
    claimed_rows: usize,
    bytes: usize,
    wal_bytes: u64,
    since: Option<Instant>,
    /// The number of heads before it
    number: u64,
}

#[derive(Debug, Default)]
struct State {
    open: OpenHead,
    sealed: VecDeque<Arc<SealedHead>>,
    partitions: Arc<Partitions>,
}

/// What the heads hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadStats {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    pub(crate) wal_bytes: u64,
}

/// Heads and blocks.
#[derive(Debug)]
pub(crate) struct Live {
    gate: RwLock<()>,
    /// The next WAL sequence
    next: AtomicU64,
    /// Memory of all heads
    held: AtomicUsize,
    state: Mutex<State>,
    limits: HeadLimits,
}

/// The outcome of an append: whether it sealed a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Appended {
    pub(crate) sealed: bool,
}

/// What is to be done after a batch came to a head.
struct Pushed {
    /// The number of the head
    head: u64,
    full: bool,
    /// A chunk of it that became full, with its place
    chunk: Option<(usize, Chunk)>,
}

impl Live {
    /// `next` is the first WAL sequence to be given out.
    pub(crate) fn new(next: u64, limits: HeadLimits, partitions: Partitions) -> Self {
        let state = State {
            partitions: Arc::new(partitions),
            ..State::default()
        };
        Self {
            gate: RwLock::default(),
            next: next.into(),
            held: 0.into(),
            state: Mutex::new(state),
            limits,
        }
    }

    /// Logs a batch by `log`, which is given its sequence, and makes it visible.
    pub(crate) fn append<E>(
        &self,
        batch: HeadBatch,
        wal_bytes: u64,
        log: impl FnOnce(u64) -> Result<(), E>,
    ) -> Result<Appended, E> {
        let rows = batch.batch.rows.len();
        let mut sealed = false;
        let gate = loop {
            let gate = self.gate.read();
            match self.claim(rows) {
                Ok(()) => break gate,
                Err(full) => {
                    drop(gate);
                    sealed |= self.seal_number(full);
                }
            }
        };
        let pushed = match log(self.next.fetch_add(1, Ordering::Relaxed)) {
            Ok(()) => self.push(batch, wal_bytes),
            Err(e) => {
                self.state.lock().open.claimed_rows -= rows;
                return Err(e);
            }
        };
        drop(gate);
        Ok(Appended {
            sealed: self.tidy(pushed) || sealed,
        })
    }

    /// Makes room for a batch in the open head, or says which head is in its way. The gate is held.
    fn claim(&self, rows: usize) -> Result<(), u64> {
        let open = &mut self.state.lock().open;
        if open.claimed_rows > 0 && open.claimed_rows + rows > self.limits.rows {
            return Err(open.number);
        }
        open.claimed_rows += rows;
        Ok(())
    }

    /// Puts a logged batch in the open head.
    fn push(&self, batch: HeadBatch, wal_bytes: u64) -> Pushed {
        let bytes = batch.batch.memory_bytes();
        self.held.fetch_add(bytes, Ordering::Relaxed);
        let open = &mut self.state.lock().open;
        open.rows += batch.batch.rows.len();
        open.bytes += bytes;
        open.wal_bytes += wal_bytes;
        open.since.get_or_insert_with(Instant::now);
        let chunk = open.list.push(batch);
        let full = open.rows >= self.limits.rows || open.bytes >= self.limits.bytes;
        Pushed {
            head: open.number,
            full,
            chunk,
        }
    }

    /// Seals a head that became full, or joins the small batches of a chunk that did. Says whether it sealed.
    fn tidy(&self, pushed: Pushed) -> bool {
        if pushed.full {
            return self.seal_number(pushed.head);
        }
        if let Some((place, chunk)) = pushed.chunk
            && let Some(joined) = join(&chunk)
        {
            self.replace(pushed.head, place, &chunk, joined);
        }
        false
    }

    /// Puts other batches in the place of a chunk, unless the head was sealed meanwhile.
    fn replace(&self, head: u64, place: usize, chunk: &[HeadBatch], joined: Chunk) {
        let bytes = |chunk: &[HeadBatch]| chunk.iter().map(|head| head.batch.memory_bytes()).sum::<usize>();
        let (before, after) = (bytes(chunk), bytes(&joined));
        let open = &mut self.state.lock().open;
        if open.number == head {
            open.list.replace(place, joined);
            open.bytes = (open.bytes + after).saturating_sub(before);
            // Both sums belong to one head: what was added is taken away again when it is flushed.
            self.held.fetch_add(after, Ordering::Relaxed);
            self.held.fetch_sub(before, Ordering::Relaxed);
        }
    }

    /// Takes back a batch that the log holds from before a restart, in the order of sequences.
    pub(crate) fn restore(&self, sequence: u64, batch: HeadBatch, wal_bytes: u64) {
        let rows = batch.batch.rows.len();
        self.continue_at(sequence);
        if let Err(full) = self.claim(rows) {
            self.seal_number(full);
            // A new head has room for any batch.
            let _ = self.claim(rows);
        }
        self.continue_at(sequence + 1);
        let pushed = self.push(batch, wal_bytes);
        self.tidy(pushed);
    }

    /// The next batch gets this sequence.
    pub(crate) fn continue_at(&self, sequence: u64) {
        self.next.store(sequence, Ordering::Relaxed);
    }

    fn seal_number(&self, number: u64) -> bool {
        self.seal_if(|open| open.number == number)
    }

    /// Seals the open head if it is older than `age`. False if it is not.
    pub(crate) fn seal_older(&self, age: Duration) -> bool {
        self.seal_if(|open| open.since.is_some_and(|since| since.elapsed() >= age))
    }

    /// Seals the open head, and gives the sequence up to which all is sealed, if any is.
    pub(crate) fn seal(&self) -> Option<u64> {
        self.seal_if(|_| true);
        self.state.lock().sealed.back().map(|head| head.upto)
    }

    fn seal_if(&self, wanted: impl FnOnce(&OpenHead) -> bool) -> bool {
        let _gate = self.gate.write();
        let mut state = self.state.lock();
        if state.open.list.is_empty() || !wanted(&state.open) {
            return false;
        }
        let next = OpenHead {
            number: state.open.number + 1,
            ..OpenHead::default()
        };
        let OpenHead {
            list,
            rows,
            bytes,
            wal_bytes,
            ..
        } = std::mem::replace(&mut state.open, next);
        let upto = self.next.load(Ordering::Relaxed) - 1;
        state.sealed.push_back(Arc::new(SealedHead {
            upto,
            list,
            rows,
            bytes,
            wal_bytes,
        }));
        true
    }

    /// The oldest sealed head that is not in blocks.
    pub(crate) fn first_sealed(&self) -> Option<Arc<SealedHead>> {
        self.state.lock().sealed.front().cloned()
    }

    /// Memory of all heads.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(crate) fn head_stats(&self) -> HeadStats {
        let state = self.state.lock();
        let open = HeadStats {
            rows: state.open.rows,
            bytes: state.open.bytes,
            wal_bytes: state.open.wal_bytes,
        };
        state.sealed.iter().fold(open, |sum, head| HeadStats {
            rows: sum.rows + head.rows,
            bytes: sum.bytes + head.bytes,
            wal_bytes: sum.wal_bytes + head.wal_bytes,
        })
    }

    /// What queries see now.
    pub(crate) fn view(&self) -> View {
        let state = self.state.lock();
        let sealed = state.sealed.iter().map(|head| head.list.clone());
        View {
            heads: sealed.chain([state.open.list.clone()]).collect(),
            partitions: state.partitions.clone(),
        }
    }

    /// The blocks that queries see now. Only the holder of the commit lock may change them.
    pub(crate) fn partitions(&self) -> Arc<Partitions> {
        self.state.lock().partitions.clone()
    }

    /// Lets queries see other blocks from now on, and with `flushed` not the first sealed head any more: in one step.
    pub(crate) fn install(&self, partitions: Partitions, flushed: Option<&SealedHead>) {
        let partitions = Arc::new(partitions);
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut state.partitions, partitions);
        let head = flushed.and_then(|_| state.sealed.pop_front());
        drop(state);
        // Freed outside of the lock: it may be much.
        drop(before);
        if let Some(head) = head {
            self.held.fetch_sub(head.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::batch::SpanBatch;
    use std::collections::BTreeMap;

    const LIMITS: HeadLimits = HeadLimits {
        rows: 10,
        bytes: usize::MAX,
    };

    fn batch(rows: usize) -> HeadBatch {
        HeadBatch::new(SpanBatch {
            rows: vec![row(); rows],
            ..SpanBatch::default()
        })
    }

    fn row() -> crate::engine::batch::SpanRow {
        use crate::engine::batch::Text;
        use common::ids::{SpanId, TraceId};
        crate::engine::batch::SpanRow {
            trace_id: TraceId([1; 16]),
            hash: 1,
            span_id: SpanId([1; 8]),
            parent: SpanId([0; 8]),
            start: 1,
            end: 2,
            kind: 0,
            status: 0,
            name: Text::default(),
            resource: 0,
            scope: 0,
            cells_end: 0,
            events_end: 0,
            links_end: 0,
        }
    }

    fn append(live: &Live, rows: usize) -> bool {
        live.append(batch(rows), 7, |_| Ok::<_, ()>(())).unwrap().sealed
    }

    fn rows(view: &View) -> usize {
        view.batches().map(|b| b.batch.rows.len()).sum()
    }

    #[test]
    fn a_head_is_sealed_before_it_would_be_too_full() {
        let live = Live::new(1, LIMITS, BTreeMap::new());
        assert!(!append(&live, 4) && !append(&live, 5));
        assert!(append(&live, 2), "11 rows do not fit");
        assert_eq!(
            live.first_sealed().map(|head| (head.upto, head.rows, head.wal_bytes)),
            Some((2, 9, 14))
        );
        assert!(append(&live, 8), "10 rows are full");
        assert!(append(&live, 25), "a large batch is alone");
        assert_eq!(rows(&live.view()), 44);
        assert_eq!(live.head_stats().rows, 44);
        let first = live.first_sealed().unwrap();
        live.install(BTreeMap::new(), Some(&first));
        assert_eq!(rows(&live.view()), 35);
        assert_eq!(live.first_sealed().map(|head| (head.upto, head.rows)), Some((4, 10)));
    }

    #[test]
    fn a_batch_that_is_not_logged_is_not_seen() {
        let live = Live::new(1, LIMITS, BTreeMap::new());
        assert_eq!(live.append(batch(9), 1, Err), Err(1));
        assert_eq!(rows(&live.view()), 0);
        assert!(!append(&live, 9), "its rows were given back");
        assert_eq!(live.seal(), Some(2));
        assert!(!live.seal_older(Duration::ZERO), "there is nothing to seal");
        assert_eq!(live.seal(), Some(2));
    }

    #[test]
    fn memory_seals_too() {
        let live = Live::new(1, HeadLimits { rows: 1_000, bytes: 1 }, BTreeMap::new());
        assert!(append(&live, 1) && append(&live, 1));
        assert!(live.held_bytes() > 0);
        for _ in 0..2 {
            let head = live.first_sealed().unwrap();
            live.install(BTreeMap::new(), Some(&head));
        }
        assert_eq!(live.held_bytes(), 0);
        assert_eq!(live.view().batches().count(), 0);
    }

    #[test]
    fn restored_batches_fill_heads_like_new_ones() {
        let live = Live::new(1, LIMITS, BTreeMap::new());
        for (sequence, size) in [(5, 6), (7, 6), (8, 4), (9, 1)] {
            live.restore(sequence, batch(size), 1);
        }
        let mut heads = Vec::new();
        live.seal();
        while let Some(head) = live.first_sealed() {
            heads.push((head.upto, head.rows));
            live.install(BTreeMap::new(), Some(&head));
        }
        assert_eq!(heads, [(6, 6), (8, 10), (9, 1)]);
    }

    #[test]
    fn heads_sealed_under_concurrent_appends_have_all_up_to_their_sequence() {
        let live = Live::new(1, LIMITS, BTreeMap::new());
        let logged = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let log = |sequence| {
                            logged.lock().push(sequence);
                            Ok::<_, ()>(())
                        };
                        live.append(batch(3), 1, log).unwrap();
                    }
                });
            }
        });
        live.seal();
        let mut before = 0;
        while let Some(head) = live.first_sealed() {
            let batches = head.list.iter().count() as u64;
            assert!(head.rows <= LIMITS.rows);
            assert_eq!(head.upto - before, batches, "no sequence is in a later head");
            before = head.upto;
            live.install(BTreeMap::new(), Some(&head));
        }
        assert_eq!(before, 2_000);
        assert_eq!(logged.lock().len(), 2_000);
    }
}
