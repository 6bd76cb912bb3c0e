//! A rate as a bucket that fills while time passes. It may be overdrawn: whoever comes next waits until it is even.

use std::time::{Duration, Instant};

/// How many seconds' worth a bucket holds.
const SECONDS: f64 = 1.0;

/// What is left of a rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            level: f64::INFINITY,
            at: now,
        }
    }

    fn fill(&mut self, rate: u64, now: Instant) {
        let rate = rate as f64;
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * rate).min(rate * SECONDS);
        self.at = now;
    }

    /// How long it takes until there is something in it; zero if there is. `rate` is per second, and not 0.
    pub(super) fn wait(&mut self, rate: u64, now: Instant) -> Duration {
        self.fill(rate, now);
        match self.level > 0.0 {
            true => Duration::ZERO,
            // A little later, so that there is something.
            false => Duration::from_secs_f64((-self.level / rate as f64).min(3_600.0)) + Duration::from_millis(1),
        }
    }

    pub(super) fn take(&mut self, amount: u64, rate: u64, now: Instant) {
        self.fill(rate, now);
        self.level -= amount as f64;
    }

    /// Whether it holds all that it can.
    pub(super) fn is_full(&mut self, rate: u64, now: Instant) -> bool {
        self.fill(rate, now);
        self.level >= rate as f64 * SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdrawn_is_waited_for() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut bucket = Bucket::new(start);
        assert_eq!(bucket.wait(10, start), Duration::ZERO);
        bucket.take(40, 10, start);
        let wait = bucket.wait(10, start).as_secs_f64();
        assert!((wait - 3.0).abs() < 0.01, "{wait}");
        assert!(bucket.wait(10, at(2.9)) > Duration::ZERO);
        assert_eq!(bucket.wait(10, at(3.1)), Duration::ZERO);
        assert!(!bucket.is_full(10, at(3.1)) && bucket.is_full(10, at(4.1)));
    }

    #[test]
    fn no_more_than_a_second_is_saved() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        let later = start + Duration::from_secs(100);
        bucket.take(10, 10, later);
        assert!(bucket.wait(10, later) > Duration::ZERO);
    }
}
