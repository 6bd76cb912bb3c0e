//! The way of an answer from the thread that makes it to the one that asked.

use common::contract::{CancelOnDrop, QueryContext, QueryError};
use common::query::Answer;
use futures::stream::{self, BoxStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// A part of an answer.
#[derive(Debug)]
pub(super) enum Part {
    Answer(Answer),
    /// As it is sent to other nodes
    Encoded(Vec<u8>),
}

/// The parts of an answer as they become ready; dropping it cancels the query.
pub(super) type PartStream = BoxStream<'static, Result<Part, QueryError>>;

enum Message {
    /// A part, and how much reserved memory it takes
    Part(Part, usize),
    /// Nothing follows. Without it the answer is not whole.
    End(Result<(), QueryError>),
}

/// Takes the parts of one answer.
pub(super) struct Parts {
    sender: mpsc::Sender<Message>,
    context: QueryContext,
    /// Bytes of the parts that wait to be taken
    waiting: Arc<AtomicUsize>,
}

/// Parts that wait to be taken.
const WAITING: usize = 64;

/// Bytes of parts that wait to be taken, where there is more than one.
const WAITING_BYTES: usize = 16 << 20;

/// How often a thread that cannot hand over a part looks again.
const RETRY: Duration = Duration::from_millis(2);

/// Both ends of an answer. Dropping the stream cancels the query.
pub(super) fn channel(context: QueryContext) -> (Parts, PartStream) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let waiting = Arc::new(AtomicUsize::new(0));
    let taker = Taker {
        receiver,
        waiting: waiting.clone(),
        _guard: context.cancel_on_drop(),
        context: context.clone(),
        ended: false,
    };
    let parts = Parts {
        sender,
        context,
        waiting,
    };
    (parts, Box::pin(stream::unfold(taker, Taker::next)))
}

impl Parts {
    /// Hands over a part that takes `bytes` of the memory that the query reserved. Waits while the asker is slow, until
    /// the query's deadline. Not to be called on a thread of the async runtime.
    pub(super) fn send(&self, part: Answer, bytes: usize) -> Result<(), QueryError> {
        self.put(Message::Part(Part::Answer(part), bytes))
    }

    /// The same for a part that is encoded.
    pub(super) fn send_encoded(&self, part: Vec<u8>, bytes: usize) -> Result<(), QueryError> {
        self.put(Message::Part(Part::Encoded(part), bytes))
    }

    /// Ends the answer. Nobody need be there any more.
    pub(super) fn end(&self, outcome: Result<(), QueryError>) {
        let _ = self.put(Message::End(outcome));
    }

    fn put(&self, mut message: Message) -> Result<(), QueryError> {
        let bytes = message.bytes();
        while !self.admit(bytes) {
            if self.sender.is_closed() {
                return Err(QueryError::Cancelled);
            }
            self.context.check()?;
            std::thread::sleep(RETRY);
        }
        loop {
            match self.sender.try_send(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(QueryError::Cancelled),
                Err(TrySendError::Full(back)) => message = back,
            }
            self.context.check()?;
            std::thread::sleep(RETRY);
        }
    }
}

impl Parts {
    /// Counts a part as waiting, unless too much waits.
    fn admit(&self, bytes: usize) -> bool {
        let more = |waiting: usize| {
            let all = waiting.saturating_add(bytes);
            (waiting == 0 || bytes == 0 || all <= WAITING_BYTES).then_some(all)
        };
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }
}

impl Message {
    fn bytes(&self) -> usize {
        match self {
            Self::Part(_, bytes) => *bytes,
            Self::End(_) => 0,
        }
    }
}

struct Taker {
    receiver: mpsc::Receiver<Message>,
    waiting: Arc<AtomicUsize>,
    _guard: CancelOnDrop,
    context: QueryContext,
    ended: bool,
}

impl Taker {
    async fn next(mut self) -> Option<(Result<Part, QueryError>, Self)> {
        if self.ended {
            return None;
        }
        let part = match self.receiver.recv().await {
            Some(Message::Part(part, bytes)) => {
                self.context.release(bytes);
                self.waiting.fetch_sub(bytes, Ordering::Relaxed);
                return Some((Ok(part), self));
            }
            Some(Message::End(Ok(()))) => return None,
            Some(Message::End(Err(error))) => Err(error),
            // Late with a full channel, or the worker is gone.
            None => Err(self
                .context
                .check()
                .err()
                .unwrap_or_else(|| QueryError::Unavailable("shutting down".into()))),
        };
        self.ended = true;
        Some((part, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::query::ScanStats;
    use futures::StreamExt;
    use futures::executor::block_on;

    fn part() -> Answer {
        Answer::Rows {
            parts: Vec::new(),
            stats: ScanStats::default(),
        }
    }

    #[test]
    fn few_bytes_wait_and_any_part_passes() {
        let context = QueryContext::unlimited();
        let (parts, mut answer) = channel(context);
        parts.send(part(), 2 * WAITING_BYTES).unwrap();
        assert!(!parts.admit(1), "one part waits that is too large for another");
        assert!(parts.admit(0));
        assert!(block_on(answer.next()).unwrap().is_ok());
        let sender = std::thread::spawn(move || {
            for _ in 0..100 {
                parts.send(part(), WAITING_BYTES / 3).unwrap();
                assert!(parts.waiting.load(Ordering::Relaxed) <= WAITING_BYTES);
            }
            parts.end(Ok(()));
        });
        assert_eq!(block_on(answer.count()), 100);
        sender.join().unwrap();
    }

    #[test]
    fn who_waits_learns_that_nobody_listens() {
        let (parts, answer) = channel(QueryContext::unlimited());
        parts.send(part(), WAITING_BYTES).unwrap();
        drop(answer);
        assert!(matches!(parts.send(part(), 1), Err(QueryError::Cancelled)));
    }
}
