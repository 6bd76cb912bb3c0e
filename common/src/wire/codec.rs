//! Whole plans and answers as bytes: postcard of their serde forms. The forms change together with the code, so their
//! number is agreed on before.

use crate::query::{Answer, Plan};
use serde::{Deserialize, Serialize};

/// The number of the encoding that this release writes.
pub const SCHEMA: u32 = 1;

/// The numbers of the encodings that this release reads and writes on demand.
pub const SCHEMAS: &[u32] = &[SCHEMA];

/// Why bytes are no plan or answer, or cannot be made of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("encoding: {0}")]
    Encode(String),
    #[error("decoding: {0}")]
    Decode(String),
    /// Bytes are left over.
    #[error("decoding: {0} bytes too many")]
    TooLong(usize),
}

/// A plan in the encoding [`SCHEMA`].
pub fn encode_plan(plan: &Plan) -> Result<Vec<u8>, WireError> {
    encode(plan)
}

/// Reads [`encode_plan`].
///
/// # Errors
/// For bytes that are no plan, regular expressions that do not compile included.
pub fn decode_plan(bytes: &[u8]) -> Result<Plan, WireError> {
    decode(bytes)
}

/// A part of an answer in the encoding [`SCHEMA`]. Resources, scopes and texts that repeat over its spans are in it once.
pub fn encode_answer(answer: &Answer) -> Result<Vec<u8>, WireError> {
    encode(answer)
}

/// Reads [`encode_answer`].
///
/// # Errors
/// For bytes that are no answer.
pub fn decode_answer(bytes: &[u8]) -> Result<Answer, WireError> {
    decode(bytes)
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, WireError> {
    postcard::to_extend(value, Vec::with_capacity(FIRST)).map_err(|error| WireError::Encode(error.to_string()))
}

/// Bytes that there is room for from the start.
const FIRST: usize = 1 << 10;

fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, WireError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(WireError::TooLong(rest.len())),
        Err(error) => Err(WireError::Decode(error.to_string())),
    }
}
