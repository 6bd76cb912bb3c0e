//! Whether a node is worth waiting for, as one insert node sees it. Pure: times come in as arguments.

use std::time::Duration;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// A node that is back is noticed within this time, as long as there is something to write to it.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What to do with a message for the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    Send,
    /// Send it to see whether the node is back, and do not wait for the answer.
    Probe,
    /// Do not send it.
    Bypass,
}

/// Goes by the outcomes of messages: a failure makes the node one that is only probed, a success makes it healthy.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health {
    down: Option<Down>,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    next_probe: Instant,
    pause: Duration,
}

impl Health {
    pub(super) fn is_up(&self) -> bool {
        self.down.is_none()
    }

    /// Asks about one message; an answer [`Advice::Probe`] is given once for each pause.
    pub(super) fn advice(&mut self, now: Instant) -> Advice {
        match &mut self.down {
            None => Advice::Send,
            Some(down) if now >= down.next_probe => {
                down.next_probe = now + down.pause;
                Advice::Probe
            }
            Some(_) => Advice::Bypass,
        }
    }

    /// The node answered, be it with a refusal.
    pub(super) fn answered(&mut self) {
        self.down = None;
    }

    /// The node did not answer, or could not store.
    pub(super) fn failed(&mut self, now: Instant) {
        let pause = self
            .down
            .map_or(FIRST_PAUSE, |down| (down.pause * 2).min(LONGEST_PAUSE));
        self.down = Some(Down {
            next_probe: now + pause,
            pause,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_fails_is_probed_ever_more_rarely_until_it_answers() {
        let start = Instant::now();
        let mut health = Health::default();
        assert_eq!(health.advice(start), Advice::Send);
        let (mut now, mut gaps) = (start, Vec::new());
        for _ in 0..6 {
            health.failed(now);
            assert!(!health.is_up());
            let failed = now;
            while health.advice(now) == Advice::Bypass {
                now += Duration::from_millis(10);
            }
            gaps.push((now - failed).as_millis());
        }
        assert_eq!(gaps, [100, 200, 400, 800, 1000, 1000]);
        health.answered();
        assert_eq!(health.advice(now), Advice::Send);
        health.failed(now);
        assert_eq!(health.advice(now + FIRST_PAUSE), Advice::Probe);
    }

    #[test]
    fn one_probe_at_a_time() {
        let now = Instant::now();
        let mut health = Health::default();
        health.failed(now);
        assert_eq!(health.advice(now + FIRST_PAUSE), Advice::Probe);
        assert_eq!(health.advice(now + FIRST_PAUSE), Advice::Bypass);
        assert_eq!(health.advice(now + FIRST_PAUSE * 2), Advice::Probe);
    }
}
