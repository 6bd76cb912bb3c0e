//! How much is taken in at a time: bytes of requests in memory, and requests at work. Both wait a bounded time and
//! then refuse, so that overload becomes an answer and not a growing queue.

use crate::error::InsertError;
use common::contract::WriteError;
use metrics::{Counter, Gauge};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted in these steps; every request takes at least one.
const STEP: usize = 64 << 10;

/// When an overloaded client shall come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The gate that all receivers share.
#[derive(Clone)]
pub(crate) struct Admission {
    slots: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    max_wait: Duration,
    gauges: Arc<Gauges>,
}

struct Gauges {
    requests: Gauge,
    bytes: Gauge,
    limit_reached: Counter,
    limit_timeout: Counter,
}

/// The right to be at work; given back on drop.
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
    gauges: Arc<Gauges>,
}

/// Memory that one request may use; given back on drop.
pub(crate) struct Reservation {
    admission: Admission,
    permit: Option<OwnedSemaphorePermit>,
}

impl Admission {
    /// At most `requests` at work and `bytes` in memory.
    pub(crate) fn new(requests: usize, bytes: usize, max_wait: Duration) -> Self {
        let gauges = Gauges {
            requests: metrics::gauge!("vt_concurrent_insert_current"),
            bytes: metrics::gauge!("vt_insert_bytes_in_flight"),
            limit_reached: metrics::counter!("vt_concurrent_insert_limit_reached_total"),
            limit_timeout: metrics::counter!("vt_concurrent_insert_limit_timeout_total"),
        };
        metrics::gauge!("vt_concurrent_insert_capacity").set(requests as f64);
        Self {
            slots: Arc::new(Semaphore::new(requests.clamp(1, Semaphore::MAX_PERMITS))),
            memory: Arc::new(Semaphore::new(steps(bytes).clamp(1, Semaphore::MAX_PERMITS))),
            max_wait,
            gauges: Arc::new(gauges),
        }
    }

    /// Waits for a slot.
    pub(crate) async fn slot(&self) -> Result<Slot, InsertError> {
        let permit = self
            .wait(&self.slots, 1, "too many requests at work (--maxConcurrentInserts)")
            .await?;
        self.gauges.requests.increment(1);
        Ok(Slot {
            _permit: permit,
            gauges: self.gauges.clone(),
        })
    }

    /// An empty reservation.
    pub(crate) fn reservation(&self) -> Reservation {
        Reservation {
            admission: self.clone(),
            permit: None,
        }
    }

    async fn wait(&self, of: &Arc<Semaphore>, permits: u32, what: &str) -> Result<OwnedSemaphorePermit, InsertError> {
        if let Ok(permit) = of.clone().try_acquire_many_owned(permits) {
            return Ok(permit);
        }
        self.gauges.limit_reached.increment(1);
        match tokio::time::timeout(self.max_wait, of.clone().acquire_many_owned(permits)).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(self.refuse(what)),
        }
    }

    fn refuse(&self, what: &str) -> InsertError {
        self.gauges.limit_timeout.increment(1);
        InsertError::Write(WriteError::Overloaded {
            reason: what.to_owned(),
            retry_after: RETRY_AFTER,
        })
    }
}

const TOO_MANY_BYTES: &str = "too many bytes of requests in memory (--insert.maxInflightBytes)";

impl Reservation {
    /// Raises the reservation to `bytes`, waiting for others to finish where it must.
    pub(crate) async fn grow_to(&mut self, bytes: usize) -> Result<(), InsertError> {
        if let Some(more) = self.missing(bytes) {
            let permit = self
                .admission
                .wait(&self.admission.memory, more, TOO_MANY_BYTES)
                .await?;
            self.add(permit, more);
        }
        Ok(())
    }

    /// Raises the reservation by `bytes` or refuses at once: for threads that must not wait.
    pub(crate) fn try_add(&mut self, bytes: usize) -> Result<(), InsertError> {
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) * STEP;
        if let Some(more) = self.missing(held.saturating_add(bytes)) {
            match self.admission.memory.clone().try_acquire_many_owned(more) {
                Ok(permit) => self.add(permit, more),
                Err(_) => return Err(self.admission.refuse(TOO_MANY_BYTES)),
            }
        }
        Ok(())
    }

    /// Steps to take for a reservation of `bytes`.
    fn missing(&self, bytes: usize) -> Option<u32> {
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = steps(bytes).saturating_sub(held);
        (more > 0).then(|| u32::try_from(more).unwrap_or(u32::MAX))
    }

    fn add(&mut self, permit: OwnedSemaphorePermit, steps: u32) {
        self.admission.gauges.bytes.increment(f64::from(steps) * STEP as f64);
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
    }
}

fn steps(bytes: usize) -> usize {
    bytes.div_ceil(STEP)
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.gauges.requests.decrement(1);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(permit) = &self.permit {
            self.admission
                .gauges
                .bytes
                .decrement((permit.num_permits() * STEP) as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_overload<T>(result: Result<T, InsertError>) -> bool {
        matches!(result, Err(InsertError::Write(WriteError::Overloaded { .. })))
    }

    #[tokio::test]
    async fn a_slot_is_free_again_when_dropped() {
        let admission = Admission::new(1, STEP, Duration::from_millis(1));
        let slot = admission.slot().await.unwrap();
        assert!(is_overload(admission.slot().await));
        drop(slot);
        assert!(admission.slot().await.is_ok());
    }

    #[tokio::test]
    async fn a_waiting_request_gets_the_slot_that_another_leaves() {
        let admission = Admission::new(1, STEP, Duration::from_secs(60));
        let slot = admission.slot().await.unwrap();
        let waiting = tokio::spawn({
            let admission = admission.clone();
            async move { admission.slot().await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(slot);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn memory_is_counted_in_steps_and_given_back() {
        let admission = Admission::new(1, 4 * STEP, Duration::from_millis(1));
        let mut first = admission.reservation();
        first.grow_to(2 * STEP + 1).await.unwrap();
        first.grow_to(3 * STEP).await.unwrap();
        let mut second = admission.reservation();
        second.grow_to(1).await.unwrap();
        assert!(is_overload(second.grow_to(STEP + 1).await));
        assert!(is_overload(second.try_add(1)));
        drop(first);
        second.try_add(3 * STEP).unwrap();
    }
}
