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
    /// The generation of the node's last mark that was lifted when it failed
    lifted: u64,
}

impl Health {
    pub(super) fn is_up(&self) -> bool {
        self.down.is_none()
    }

    /// Asks about one message; an answer [`Advice::Probe`] is given once for each pause. `unmarked`: the generation of the
    /// node's last mark, if that is lifted. When it was lifted since the node failed, the node is back: storage nodes have
    /// made sure of it.
    pub(super) fn advice(&mut self, now: Instant, unmarked: Option<u64>) -> Advice {
        if self
            .down
            .is_some_and(|down| unmarked.is_some_and(|lifted| lifted > down.lifted))
        {
            self.down = None;
        }
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

    /// The node did not answer, or could not store. `lifted`: the generation of its last mark that is lifted, which is not
    /// the mark that it bears now.
    pub(super) fn failed(&mut self, now: Instant, lifted: u64) {
        let pause = self
            .down
            .map_or(FIRST_PAUSE, |down| (down.pause * 2).min(LONGEST_PAUSE));
        self.down = Some(Down {
            next_probe: now + pause,
            pause,
            lifted,
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
        assert_eq!(health.advice(start, Some(0)), Advice::Send);
        let (mut now, mut gaps) = (start, Vec::new());
        for _ in 0..6 {
            health.failed(now, 0);
            assert!(!health.is_up());
            let failed = now;
            while health.advice(now, None) == Advice::Bypass {
                now += Duration::from_millis(10);
            }
            gaps.push((now - failed).as_millis());
        }
        assert_eq!(gaps, [100, 200, 400, 800, 1000, 1000]);
        health.answered();
        assert_eq!(health.advice(now, None), Advice::Send);
        health.failed(now, 0);
        assert_eq!(health.advice(now + FIRST_PAUSE, None), Advice::Probe);
    }

    #[test]
    fn one_probe_at_a_time() {
        let now = Instant::now();
        let mut health = Health::default();
        health.failed(now, 0);
        assert_eq!(health.advice(now + FIRST_PAUSE, None), Advice::Probe);
        assert_eq!(health.advice(now + FIRST_PAUSE, None), Advice::Bypass);
        assert_eq!(health.advice(now + FIRST_PAUSE * 2, None), Advice::Probe);
    }

    #[test]
    fn a_node_whose_mark_was_lifted_is_up() {
        let now = Instant::now();
        let mut health = Health::default();
        health.failed(now, 3);
        assert_eq!(health.advice(now, None), Advice::Bypass);
        assert_eq!(health.advice(now, Some(3)), Advice::Bypass);
        assert_eq!(health.advice(now, Some(4)), Advice::Send);
        assert!(health.is_up());
    }
}
