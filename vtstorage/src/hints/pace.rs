//! How fast messages may follow each other.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// Keeps to a number of bytes per second, over all who ask.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: u64,
    /// When the next message may go
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// 0 is as fast as it goes.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            next: Mutex::default(),
        }
    }

    /// Waits until a message of so many bytes may go.
    pub(crate) async fn wait(&self, bytes: usize) {
        if self.bytes_per_second > 0 {
            let at = self.admit(Instant::now(), bytes);
            tokio::time::sleep_until(at).await;
        }
    }

    fn admit(&self, now: Instant, bytes: usize) -> Instant {
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let mut next = self.next.lock();
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at + takes);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_each_other_at_the_pace() {
        let pace = Pace::new(1_000);
        let now = Instant::now();
        let seconds = |at: Instant| (at - now).as_secs();
        assert_eq!(seconds(pace.admit(now, 2_000)), 0);
        assert_eq!(seconds(pace.admit(now, 3_000)), 2);
        assert_eq!(seconds(pace.admit(now, 1)), 5);
        let later = now + Duration::from_secs(60);
        assert_eq!(seconds(pace.admit(later, 1_000)), 60, "a pause is not made up for");
        assert_eq!(seconds(pace.admit(later, 1)), 61);
    }
}
