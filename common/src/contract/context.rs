//! The limits of one query: deadline, cancellation, memory; and whether its answer may be, or is, short.

use super::QueryError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug)]
struct Limits {
    started: Instant,
    timeout: Duration,
    cancelled: AtomicBool,
    memory_limit: usize,
    memory_used: AtomicUsize,
    partial_allowed: AtomicBool,
    partial: AtomicBool,
    /// What this is a part of: it holds the memory, and ends its parts
    whole: Option<QueryContext>,
}

/// Shared by everything that works on one query. Cheap to clone.
#[derive(Clone, Debug)]
pub struct QueryContext(Arc<Limits>);

impl QueryContext {
    /// A query that must finish within `timeout` and hold at most `memory_limit` bytes at a time.
    pub fn new(timeout: Duration, memory_limit: usize) -> Self {
        Self(Arc::new(Limits {
            started: Instant::now(),
            timeout,
            cancelled: AtomicBool::new(false),
            memory_limit,
            memory_used: AtomicUsize::new(0),
            partial_allowed: AtomicBool::new(false),
            partial: AtomicBool::new(false),
            whole: None,
        }))
    }

    /// A part of the query, such as one of several plans: it has the deadline and the memory of the whole, ends with it,
    /// and can be cancelled alone.
    pub fn part(&self) -> Self {
        Self(Arc::new(Limits {
            started: self.0.started,
            timeout: self.0.timeout,
            cancelled: AtomicBool::new(false),
            memory_limit: self.0.memory_limit,
            memory_used: AtomicUsize::new(0),
            partial_allowed: AtomicBool::new(false),
            partial: AtomicBool::new(false),
            whole: Some(self.clone()),
        }))
    }

    /// For work that no client limits (tests, maintenance).
    pub fn unlimited() -> Self {
        Self::new(Duration::from_secs(24 * 3600), usize::MAX)
    }

    /// An error once the query is cancelled or late: to be asked between blocks.
    pub fn check(&self) -> Result<(), QueryError> {
        if let Some(whole) = &self.0.whole {
            whole.check()?;
        }
        if self.0.cancelled.load(Ordering::Relaxed) {
            Err(QueryError::Cancelled)
        } else if self.0.started.elapsed() > self.0.timeout {
            Err(QueryError::DeadlineExceeded(self.0.timeout))
        } else {
            Ok(())
        }
    }

    /// The time left until the deadline.
    pub fn remaining(&self) -> Duration {
        self.0.timeout.saturating_sub(self.0.started.elapsed())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.started.elapsed()
    }

    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// The most bytes that the query may hold at a time.
    pub fn memory_limit(&self) -> usize {
        self.0.memory_limit
    }

    /// The whole time that the query has.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// Accounts `bytes` more; `what` names the work for the error.
    pub fn reserve(&self, bytes: usize, what: &'static str) -> Result<(), QueryError> {
        if let Some(whole) = &self.0.whole {
            return whole.reserve(bytes, what);
        }
        let used = self
            .0
            .memory_used
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes);
        if used > self.0.memory_limit {
            return Err(QueryError::OverBudget {
                limit_bytes: self.0.memory_limit,
                what: what.into(),
            });
        }
        Ok(())
    }

    /// Gives back what [`Self::reserve`] took.
    pub fn release(&self, bytes: usize) {
        if let Some(whole) = &self.0.whole {
            return whole.release(bytes);
        }
        let _ = self
            .0
            .memory_used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                Some(used.saturating_sub(bytes))
            });
    }

    /// Whether the answer may leave out what cannot be reached; otherwise that is [`QueryError::Unavailable`]. Not
    /// allowed at first.
    pub fn allow_partial(&self, allowed: bool) {
        self.whole().partial_allowed.store(allowed, Ordering::Relaxed);
    }

    pub fn is_partial_allowed(&self) -> bool {
        self.whole().partial_allowed.load(Ordering::Relaxed)
    }

    /// Notes that the answer leaves something out. To be called before the part that follows is handed over.
    pub fn mark_partial(&self) {
        self.whole().partial.store(true, Ordering::Release);
    }

    /// Whether what was handed over so far leaves something out; of the whole answer, once it has ended.
    pub fn is_partial(&self) -> bool {
        self.whole().partial.load(Ordering::Acquire)
    }

    /// What this is a part of in the end.
    fn whole(&self) -> &Limits {
        let mut limits = &*self.0;
        while let Some(whole) = &limits.whole {
            limits = &whole.0;
        }
        limits
    }

    /// A guard that cancels the query when it is dropped: held by the answer's stream.
    pub fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }
}

/// Cancels its query when dropped.
#[derive(Debug)]
pub struct CancelOnDrop(QueryContext);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_short_makes_the_whole_short() {
        let whole = QueryContext::unlimited();
        let (first, second) = (whole.part(), whole.part().part());
        whole.allow_partial(true);
        assert!(second.is_partial_allowed() && !first.is_partial());
        second.mark_partial();
        assert!(whole.is_partial() && first.is_partial());
    }

    #[test]
    fn a_part_ends_alone_or_with_the_whole_and_shares_its_memory() {
        let whole = QueryContext::new(Duration::from_secs(60), 100);
        let (first, second) = (whole.part(), whole.part());
        drop(first.cancel_on_drop());
        assert!(first.check().is_err() && second.check().is_ok() && whole.check().is_ok());
        assert!(first.reserve(60, "a").is_ok() && second.reserve(60, "b").is_err());
        whole.release(120);
        assert!(second.reserve(90, "c").is_ok());
        whole.cancel();
        assert!(second.check().is_err());
    }
}
