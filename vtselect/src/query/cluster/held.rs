//! What a node has sent, until it counts. Nothing is handed on before the node's answer is complete, unless the answer
//! is a long list of rows: then they are handed on when they become too many to keep, and are remembered, so that
//! another node can take over all the same.

use super::delivered::{Delivered, Ledger};
use super::weight;
use common::contract::{QueryContext, QueryError};
use common::query::{Answer, RowPart};
use tokio::sync::mpsc;

/// Rows of one node are handed on early when there are so many bytes of them.
const KEEP_ROWS: usize = if cfg!(test) { 4 << 10 } else { 4 << 20 };

/// Memory of the query, until it is dropped.
pub(super) struct Reserved {
    context: QueryContext,
    bytes: usize,
}

impl Reserved {
    /// # Errors
    /// [`QueryError::OverBudget`].
    pub(super) fn new(context: &QueryContext, bytes: usize, what: &'static str) -> Result<Self, QueryError> {
        // From here on it is given back, also what was too much.
        let reserved = Self {
            context: context.clone(),
            bytes,
        };
        context.reserve(bytes, what).map(|()| reserved)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.context.release(self.bytes);
    }
}

/// A part on its way to whoever asked, with the memory that is reserved for it.
pub(super) struct Piece {
    pub answer: Result<Answer, QueryError>,
    pub reserved: Option<Reserved>,
}

/// Takes the parts that count.
#[derive(Clone)]
pub(super) struct Out {
    pub sender: mpsc::Sender<Piece>,
    pub context: QueryContext,
}

impl Out {
    /// Hands on a part, or that there is none; nobody need listen any more in the latter case.
    ///
    /// # Errors
    /// [`QueryError::Cancelled`] where nobody listens.
    pub(super) async fn send(
        &self,
        answer: Result<Answer, QueryError>,
        reserved: Option<Reserved>,
    ) -> Result<(), QueryError> {
        self.hand_on(Piece { answer, reserved }).await
    }

    /// As [`Self::send`].
    pub(super) async fn hand_on(&self, piece: Piece) -> Result<(), QueryError> {
        self.sender.send(piece).await.map_err(|_| QueryError::Cancelled)
    }
}

/// The answer of one node, as far as it came.
pub(super) struct Held {
    out: Out,
    delivered: Delivered,
    parts: Vec<(Answer, Option<Reserved>)>,
    /// Of rows that are kept
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
        let room = Reserved::new(
            &self.out.context,
            bytes,
            "waiting for the whole answer of a storage node",
        );
        if !matches!(part, Answer::Rows { .. }) {
            self.parts.push((part, Some(room?)));
            return Ok(());
        }
        let room = room.ok();
        if !matches!(self.passage, Passage::Nothing) {
            return self.pass(part, room).await;
        }
        let full = room.is_none();
        self.bytes += bytes;
        self.parts.push((part, room));
        if full || self.bytes > KEEP_ROWS {
            self.passage = Passage::Rows(Ledger::new(&self.out.context));
            self.pass_all().await?;
        }
        Ok(())
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
        for (part, reserved) in std::mem::take(&mut self.parts) {
            self.pass(part, reserved).await?;
        }
        Ok(())
    }

    async fn pass(&mut self, mut part: Answer, reserved: Option<Reserved>) -> Result<(), QueryError> {
        if let Answer::Rows { parts, .. } = &mut part {
            for rows in parts {
                self.pass_rows(rows);
            }
        }
        self.out.send(Ok(part), reserved).await
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
