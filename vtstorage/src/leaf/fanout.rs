//! Spreads the parts of one query over the threads of the pool. The calling thread works along, so that a query moves on
//! even when all other threads are busy; those that become free help.

use crate::engine::error::StorageError;
use crate::engine::store::WorkPool;
use parking_lot::{Condvar, Mutex};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The work on one part. To break means that no further part need be begun.
pub(super) type Work = dyn Fn(usize) -> Result<ControlFlow<()>, StorageError> + Send + Sync;

struct Shared {
    /// Taken away in the end: what it holds must not outlive the call
    work: Mutex<Option<Arc<Work>>>,
    parts: usize,
    next: AtomicUsize,
    stopped: AtomicBool,
    helpers: Mutex<Helpers>,
    left: Condvar,
}

#[derive(Default)]
struct Helpers {
    working: usize,
    error: Option<StorageError>,
}

/// Does `work` on the parts `0..parts`, begun in ascending order, on up to `threads` threads, and returns when all that
/// was begun is done; with the first error, after which nothing is begun. To be called on a thread of the pool.
pub(super) fn for_each(
    pool: &WorkPool,
    threads: usize,
    parts: usize,
    work: impl Fn(usize) -> Result<ControlFlow<()>, StorageError> + Send + Sync + 'static,
) -> Result<(), StorageError> {
    let work: Arc<Work> = Arc::new(work);
    let shared = Arc::new(Shared {
        work: Mutex::new(Some(work.clone())),
        parts,
        next: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        helpers: Mutex::default(),
        left: Condvar::new(),
    });
    for _ in 1..threads.min(parts) {
        let shared = shared.clone();
        pool.run(move || shared.help());
    }
    let outcome = shared.work(&*work);
    shared.work.lock().take();
    let mut helpers = shared.helpers.lock();
    while helpers.working > 0 {
        shared.left.wait(&mut helpers);
    }
    match helpers.error.take() {
        Some(error) => Err(error),
        None => outcome,
    }
}

impl Shared {
    fn help(&self) {
        let work = {
            let work = self.work.lock();
            let Some(work) = work.clone() else { return };
            self.helpers.lock().working += 1;
            work
        };
        let outcome = self.work(&*work);
        drop(work);
        let mut helpers = self.helpers.lock();
        helpers.working -= 1;
        if let Err(error) = outcome {
            helpers.error.get_or_insert(error);
        }
        self.left.notify_all();
    }

    fn work(&self, work: &Work) -> Result<(), StorageError> {
        while !self.stopped.load(Ordering::Relaxed) {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= self.parts {
                break;
            }
            match work(part) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => self.stopped.store(true, Ordering::Relaxed),
                Err(error) => {
                    self.stopped.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Runs `for_each` on a pool of its own.
    fn run(
        threads: usize,
        parts: usize,
        work: impl Fn(usize) -> Result<ControlFlow<()>, StorageError> + Send + Sync + 'static,
    ) -> Result<(), StorageError> {
        let pool = Arc::new(WorkPool::new("test", threads).unwrap());
        let (sender, receiver) = mpsc::channel();
        let inner = pool.clone();
        pool.run(move || sender.send(for_each(&inner, inner.threads(), parts, work)).unwrap());
        receiver.recv().unwrap()
    }

    #[test]
    fn every_part_is_done_once() {
        for threads in [1, 3] {
            let done: Arc<Vec<AtomicUsize>> = Arc::new((0..100).map(|_| AtomicUsize::new(0)).collect());
            let counts = done.clone();
            run(threads, 100, move |part| {
                counts[part].fetch_add(1, Ordering::Relaxed);
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
            assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn nothing_is_begun_after_a_break_or_an_error() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = begun.clone();
        run(1, 100, move |part| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(if part == 4 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })
        .unwrap();
        assert_eq!(begun.load(Ordering::Relaxed), 5);
        let counter = begun.clone();
        let failed = run(2, 100, move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Err(StorageError::corrupt("test", "stop"))
        });
        assert!(matches!(failed, Err(StorageError::Corrupt { .. })));
        assert!(begun.load(Ordering::Relaxed) <= 5 + 2);
    }

    #[test]
    fn two_threads_work_at_the_same_time() {
        // Each part waits for the other one to begin.
        let barrier = std::sync::Barrier::new(2);
        run(2, 2, move |_| {
            barrier.wait();
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    }
}
