//! A fixed number of threads that work on jobs in the order in which they come: queries run here, never on the async
//! runtime's threads.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    closed: bool,
}

/// The threads. Dropping the pool finishes the jobs that wait.
pub struct WorkPool {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for WorkPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkPool")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

impl WorkPool {
    /// Starts `threads` threads (at least one) with this name.
    pub fn new(name: &str, threads: usize) -> std::io::Result<Self> {
        let mut pool = Self {
            queue: Arc::default(),
            threads: Vec::new(),
        };
        for _ in 0..threads.max(1) {
            let queue = pool.queue.clone();
            pool.threads.push(
                std::thread::Builder::new()
                    .name(name.into())
                    .spawn(move || queue.work())?,
            );
        }
        Ok(pool)
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Lets the next free thread do `job`. Whoever calls bounds the number of jobs.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.queue.jobs.lock().waiting.push_back(Box::new(job));
        self.queue.changed.notify_one();
    }
}

impl Queue {
    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut jobs = self.jobs.lock();
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                return Some(job);
            }
            if jobs.closed {
                return None;
            }
            self.changed.wait(&mut jobs);
        }
    }
}

impl Drop for WorkPool {
    fn drop(&mut self) {
        self.queue.jobs.lock().closed = true;
        self.queue.changed.notify_all();
        let this = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // A job may hold the last handle of the pool.
            if thread.thread().id() != this {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn all_jobs_are_done_before_the_pool_is_gone() {
        let done = Arc::new(AtomicUsize::new(0));
        let pool = WorkPool::new("test", 3).unwrap();
        assert_eq!(pool.threads(), 3);
        for _ in 0..100 {
            let done = done.clone();
            pool.run(move || {
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        drop(pool);
        assert_eq!(done.load(Ordering::Relaxed), 100);
    }
}
