//! A node's answer as the frames of a stream, and back.

use super::MAX_PIECE;
use super::proto::{AnswerEnd, AnswerFrame};
use crate::cluster::NodePart;
use crate::contract::{QueryContext, QueryError};
use crate::query::Answer;
use crate::wire::{decode_answer, encode_answer};
use bytes::{Bytes, BytesMut};

/// Parts of so many bytes are compressed: below, the time is better spent on sending them.
const COMPRESS_FROM: usize = 1 << 20;
/// Fast: networks between nodes are.
const LEVEL: i32 = 1;
/// The most bytes of one part.
const MAX_PART: u64 = 4 << 30;
/// Parts of so many bytes are decoded outside of the runtime.
const LARGE: usize = 256 << 10;

/// What is said of memory for frames.
const RECEIVING: &str = "receiving an answer";

/// The frames of one thing that a node sends back. Takes the processor for milliseconds when a part is large.
///
/// # Errors
/// [`QueryError::Storage`] where a part cannot be encoded.
pub fn frames(part: NodePart) -> Result<Vec<AnswerFrame>, QueryError> {
    match part {
        NodePart::Part(answer) => {
            let encoded = encode_answer(&answer).map_err(|error| QueryError::Storage(error.to_string()))?;
            frames_of(encoded)
        }
        NodePart::Encoded(part) => frames_of(part),
        NodePart::End { in_sync } => Ok(vec![AnswerFrame {
            end: Some(AnswerEnd { in_sync }),
            ..AnswerFrame::default()
        }]),
    }
}

/// Whether making frames of a part of so many encoded bytes takes long.
pub fn takes_long(encoded: usize) -> bool {
    encoded >= COMPRESS_FROM
}

fn frames_of(encoded: Vec<u8>) -> Result<Vec<AnswerFrame>, QueryError> {
    let length = encoded.len() as u64;
    let compressed = match encoded.len() >= COMPRESS_FROM {
        true => Some(zstd::bulk::compress(&encoded, LEVEL).map_err(|error| QueryError::Storage(error.to_string()))?),
        false => None,
    };
    let is_compressed = compressed.is_some();
    let mut data = Bytes::from(compressed.unwrap_or(encoded));
    let data_length = data.len() as u64;
    let first = data.split_to(data.len().min(MAX_PIECE));
    let mut frames = vec![AnswerFrame {
        data: first,
        more: !data.is_empty(),
        compressed: is_compressed,
        data_length,
        length,
        end: None,
    }];
    while !data.is_empty() {
        let piece = data.split_to(data.len().min(MAX_PIECE));
        frames.push(AnswerFrame {
            data: piece,
            more: !data.is_empty(),
            ..AnswerFrame::default()
        });
    }
    Ok(frames)
}

/// What a frame brought.
pub enum Received {
    /// The part goes on.
    Nothing,
    /// A part, encoded.
    Part(EncodedPart),
    /// The end of the whole answer.
    End { in_sync: bool },
}

/// Joins frames to parts. Their bytes count as memory of the query.
pub struct Assembly {
    context: QueryContext,
    part: Option<EncodedPart>,
}

impl Assembly {
    pub fn new(context: QueryContext) -> Self {
        Self { context, part: None }
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// [`QueryError::OverBudget`], or [`QueryError::Unavailable`] where the frames make no answer.
    pub fn add(&mut self, frame: AnswerFrame) -> Result<Received, QueryError> {
        if let Some(end) = frame.end {
            return match self.part {
                None => Ok(Received::End { in_sync: end.in_sync }),
                Some(_) => Err(broken("it ends within a part")),
            };
        }
        let more = frame.more;
        let part = match self.part.take() {
            Some(mut part) => {
                part.extend(&frame.data)?;
                part
            }
            None => EncodedPart::begin(frame, &self.context)?,
        };
        if more {
            self.part = Some(part);
            return Ok(Received::Nothing);
        }
        match part.data.len() as u64 == part.data_length {
            true => Ok(Received::Part(part)),
            false => Err(broken("a part is cut off")),
        }
    }
}

/// A whole part that is not decoded yet.
pub struct EncodedPart {
    data: Data,
    data_length: u64,
    length: usize,
    compressed: bool,
    memory: Reserved,
}

/// One piece stays as it came; more are joined.
enum Data {
    One(Bytes),
    Many(BytesMut),
}

impl Data {
    fn len(&self) -> usize {
        self.bytes().len()
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::One(data) => data,
            Self::Many(data) => data,
        }
    }
}

impl EncodedPart {
    fn begin(frame: AnswerFrame, context: &QueryContext) -> Result<Self, QueryError> {
        let AnswerFrame {
            data,
            data_length,
            length,
            compressed,
            ..
        } = frame;
        if length > MAX_PART || data_length > MAX_PART || !compressed && length != data_length {
            return Err(broken("a part has no such length"));
        }
        let mut part = Self {
            data: Data::One(Bytes::new()),
            data_length,
            length: usize::try_from(length).map_err(|_| broken("a part has no such length"))?,
            compressed,
            memory: Reserved::new(context),
        };
        part.count(data.len())?;
        part.data = Data::One(data);
        Ok(part)
    }

    fn extend(&mut self, data: &[u8]) -> Result<(), QueryError> {
        self.count(data.len())?;
        if let Data::One(first) = &self.data {
            self.data = Data::Many(BytesMut::from(&**first));
        }
        if let Data::Many(all) = &mut self.data {
            all.extend_from_slice(data);
        }
        Ok(())
    }

    fn count(&mut self, more: usize) -> Result<(), QueryError> {
        if (self.data.len() + more) as u64 > self.data_length {
            return Err(broken("a part is longer than it says"));
        }
        self.memory.grow(more)
    }

    /// The part, decoded where it holds up nobody.
    ///
    /// # Errors
    /// [`QueryError::Unavailable`] where it is none, [`QueryError::OverBudget`].
    pub async fn decode(self) -> Result<Answer, QueryError> {
        if self.length < LARGE {
            return self.decode_now();
        }
        let decoded = tokio::task::spawn_blocking(|| self.decode_now()).await;
        decoded.unwrap_or_else(|error| Err(QueryError::Storage(error.to_string())))
    }

    fn decode_now(mut self) -> Result<Answer, QueryError> {
        let decoded = match self.compressed {
            true => {
                self.memory.grow(self.length)?;
                let bytes = zstd::bulk::decompress(self.data.bytes(), self.length)
                    .map_err(|error| broken(&error.to_string()))?;
                decode_answer(&bytes)
            }
            false => decode_answer(self.data.bytes()),
        };
        decoded.map_err(|error| broken(&error.to_string()))
    }
}

/// Memory of a query that is given back when this is dropped.
struct Reserved {
    context: QueryContext,
    bytes: usize,
}

impl Reserved {
    fn new(context: &QueryContext) -> Self {
        Self {
            context: context.clone(),
            bytes: 0,
        }
    }

    fn grow(&mut self, bytes: usize) -> Result<(), QueryError> {
        // What is refused counts as well.
        self.bytes += bytes;
        self.context.reserve(bytes, RECEIVING)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.context.release(self.bytes);
    }
}

fn broken(what: &str) -> QueryError {
    QueryError::Unavailable(format!("an answer between nodes: {what}"))
}
