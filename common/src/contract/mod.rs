//! Where roles meet: writers hand batches to a [`SpanSink`], readers ask a [`SpanSource`]. The storage engine
//! implements both in one process; a remote client implements them across processes; so does the in-memory
//! reference implementation that tests compare with.

mod context;
mod error;
mod sink;
mod source;

pub use context::{CancelOnDrop, QueryContext};
pub use error::{QueryError, WriteError};
pub use sink::{BatchWrite, SpanSink};
pub use source::{AnswerStream, SpanSource, collect};
