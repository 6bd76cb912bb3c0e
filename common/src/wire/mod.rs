//! The encoding of plans and answers between nodes, and what their parts need to be encoded well. It reads bytes from
//! outside: they give an error, not a panic, and take no more memory than a multiple of their length. It knows no
//! transport.

mod codec;
mod cursor;
pub(crate) mod depth;
pub(crate) mod packed;
mod raw;
pub(crate) mod set;
mod span_has;
mod span_reader;
mod span_table;
mod span_writer;
#[cfg(test)]
mod tests;
mod text_table;
mod traces_writer;

pub use codec::{SCHEMA, SCHEMAS, WireError, decode_answer, decode_plan, encode_answer, encode_plan};
pub(crate) use span_table::{spans, traces};
pub use traces_writer::{SentSpan, TracesWriter};
