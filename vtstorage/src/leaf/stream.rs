//! The way of an answer from the thread that makes it to the one that asked.

use common::contract::{AnswerStream, CancelOnDrop, QueryContext, QueryError};
use common::query::Answer;
use futures::stream;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

enum Message {
    /// A part, and how much reserved memory it takes
    Part(Answer, usize),
    /// Nothing follows. Without it the answer is not whole.
    End(Result<(), QueryError>),
}

/// Takes the parts of one answer.
pub(super) struct Parts {
    sender: mpsc::Sender<Message>,
    context: QueryContext,
}

/// Parts that wait to be taken: few parts are made per query, and their memory is accounted.
const WAITING: usize = 64;

/// How often a thread that cannot hand over a part looks again.
const RETRY: Duration = Duration::from_millis(2);

/// Both ends of an answer. Dropping the stream cancels the query.
pub(super) fn channel(context: QueryContext) -> (Parts, AnswerStream) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let taker = Taker {
        receiver,
        _guard: context.cancel_on_drop(),
        context: context.clone(),
        ended: false,
    };
    (Parts { sender, context }, Box::pin(stream::unfold(taker, Taker::next)))
}

impl Parts {
    /// Hands over a part that takes `bytes` of the memory that the query reserved. Waits while the asker is slow, until
    /// the query's deadline. Not to be called on a thread of the async runtime.
    pub(super) fn send(&self, part: Answer, bytes: usize) -> Result<(), QueryError> {
        self.put(Message::Part(part, bytes))
    }

    /// Ends the answer. Nobody need be there any more.
    pub(super) fn end(&self, outcome: Result<(), QueryError>) {
        let _ = self.put(Message::End(outcome));
    }

    fn put(&self, mut message: Message) -> Result<(), QueryError> {
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

struct Taker {
    receiver: mpsc::Receiver<Message>,
    _guard: CancelOnDrop,
    context: QueryContext,
    ended: bool,
}

impl Taker {
    async fn next(mut self) -> Option<(Result<Answer, QueryError>, Self)> {
        if self.ended {
            return None;
        }
        let part = match self.receiver.recv().await {
            Some(Message::Part(part, bytes)) => {
                self.context.release(bytes);
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
