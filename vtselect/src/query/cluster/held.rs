//! What a node has sent, until it counts. Nothing is handed on before the node's answer is complete, unless the answer
//! is a long list of rows: then they are handed on when they become too many to keep, and are remembered, so that
//! another node can take over all the same.

use super::delivered::{Delivered, Ledger};
use super::weight;
use common::contract::{QueryContext, QueryError};
use common::query::{Answer, RowPart};
use tokio::sync::mpsc;

/// Rows of one node are handed on early when there are so many bytes of them.
const KEEP_ROWS: usize = 4 << 20;

/// A part on its way to whoever asked, and how much of the query's memory is reserved for it.
pub(super) struct Piece {
    pub answer: Result<Answer, QueryError>,
    pub bytes: usize,
}

/// Takes the parts that count.
#[derive(Clone)]
pub(super) struct Out {
    pub sender: mpsc::Sender<Piece>,
    pub context: QueryContext,
}

impl Out {
    async fn send(&self, answer: Answer, bytes: usize) -> Result<(), QueryError> {
        let piece = Piece {
            answer: Ok(answer),
            bytes,
        };
        self.sender.send(piece).await.map_err(|unsent| {
            self.context.release(unsent.0.bytes);
            QueryError::Cancelled
        })
    }
}

/// The answer of one node, as far as it came.
pub(super) struct Held {
    out: Out,
    delivered: Delivered,
    parts: Vec<(Answer, usize)>,
    bytes: usize,
    passage: Passage,
}

/// What of the answer was handed on.
enum Passage {
    Nothing,
    /// These rows; all further ones are handed on at once
    Rows(Ledger),
    /// More rows than could be remembered
    TooMany,
}

impl Held {
    /// `delivered` are rows of the same scope that were handed on before.
    pub(super) fn new(out: Out, delivered: Delivered) -> Self {
        Self {
            out,
            delivered,
            parts: Vec::new(),
            bytes: 0,
            passage: Passage::Nothing,
        }
    }

    /// Takes the next part.
    ///
    /// # Errors
    /// [`QueryError::OverBudget`] where it must be kept and is too large.
    pub(super) async fn add(&mut self, part: Answer) -> Result<(), QueryError> {
        let bytes = weight::of_answer(&part);
        let context = &self.out.context;
        let room = context.reserve(bytes, "waiting for the whole answer of a storage node");
        if room.is_err() {
            context.release(bytes);
        }
        if !matches!(part, Answer::Rows { .. }) {
            room?;
            self.keep(part, bytes);
            return Ok(());
        }
        let reserved = if room.is_ok() { bytes } else { 0 };
        if !matches!(self.passage, Passage::Nothing) {
            return self.pass(part, reserved).await;
        }
        self.keep(part, reserved);
        if room.is_err() || self.bytes > KEEP_ROWS {
            self.passage = Passage::Rows(Ledger::new(&self.out.context));
            self.pass_all().await?;
        }
        Ok(())
    }

    fn keep(&mut self, part: Answer, bytes: usize) {
        self.bytes += bytes;
        self.parts.push((part, bytes));
    }

    /// Hands on what is kept: the answer is complete, or counts although it is not.
    pub(super) async fn complete(mut self) -> Result<(), QueryError> {
        self.pass_all().await
    }

    /// Drops what is kept, since the node has failed. `false` if it cannot be replaced.
    pub(super) fn give_up(mut self) -> bool {
        match std::mem::replace(&mut self.passage, Passage::Nothing) {
            Passage::Nothing => true,
            Passage::Rows(ledger) => {
                self.delivered.add(&ledger);
                true
            }
            Passage::TooMany => false,
        }
    }

    async fn pass_all(&mut self) -> Result<(), QueryError> {
        for (part, bytes) in std::mem::take(&mut self.parts) {
            self.bytes -= bytes;
            self.pass(part, bytes).await?;
        }
        Ok(())
    }

    async fn pass(&mut self, mut part: Answer, bytes: usize) -> Result<(), QueryError> {
        if let Answer::Rows { parts, .. } = &mut part {
            for rows in parts {
                self.pass_rows(rows);
            }
        }
        self.out.send(part, bytes).await
    }

    /// Remembers rows, and takes out those that were handed on before.
    fn pass_rows(&mut self, rows: &mut RowPart) {
        if let Passage::Rows(ledger) = &mut self.passage
            && !ledger.add(rows)
        {
            self.passage = Passage::TooMany;
        }
        self.delivered.leave_out(rows);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.out.context.release(self.bytes);
    }
}
