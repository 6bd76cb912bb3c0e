//! A write as the frames of a stream, and back.

use super::MAX_PIECE;
use super::messages::{id_of, id_to, slots_of};
use super::proto::{self, HintTarget, WriteFrame, WriteHead};
use crate::cluster::{NodeId, ReplicaWrite, RequestPart};
use crate::contract::WriteError;
use crate::ids::{Epoch, RequestId, TenantId};
use bytes::{Bytes, BytesMut};

/// The largest payload of a write.
pub const MAX_WRITE: usize = 256 << 20;

/// The frames of a write: one, unless its payload is large. The payload is not copied.
///
/// # Errors
/// [`WriteError::Invalid`] for a payload of more than [`MAX_WRITE`] bytes.
pub fn frames(write: ReplicaWrite, hint: Option<(NodeId, u64)>) -> Result<Vec<WriteFrame>, WriteError> {
    let ReplicaWrite {
        tenant,
        epoch,
        parts,
        length,
        mut payload,
        compressed,
    } = write;
    let payload_length = u32::try_from(payload.len())
        .ok()
        .filter(|length| *length as usize <= MAX_WRITE);
    let payload_length = payload_length.ok_or_else(too_large)?;
    let part = |part: RequestPart| proto::RequestPart {
        id: id_to(part.id.0),
        slots: part.slots.to_bytes().into(),
        bytes: part.bytes,
    };
    let head = WriteHead {
        tenant: tenant.0,
        epoch: epoch.0,
        parts: parts.into_iter().map(part).collect(),
        length,
        compressed,
        payload_length,
        hint: hint.map(|(node, generation)| HintTarget {
            node: node.0,
            generation,
        }),
    };
    let first = payload.split_to(payload.len().min(MAX_PIECE));
    let mut frames = vec![WriteFrame {
        head: Some(head),
        payload: first,
    }];
    while !payload.is_empty() {
        let piece = payload.split_to(payload.len().min(MAX_PIECE));
        frames.push(WriteFrame {
            head: None,
            payload: piece,
        });
    }
    Ok(frames)
}

fn too_large() -> WriteError {
    WriteError::Invalid(format!("a write of more than {MAX_WRITE} bytes"))
}

/// A write on its way in.
pub struct Assembly {
    head: WriteHead,
    payload: Payload,
}

/// One piece stays as it came; more are joined.
enum Payload {
    One(Bytes),
    Many(BytesMut),
}

impl Assembly {
    /// Begins with a stream's first frame.
    ///
    /// # Errors
    /// [`WriteError::Invalid`] where it has no head, or the write is too large.
    pub fn begin(frame: WriteFrame) -> Result<Self, WriteError> {
        let head = frame.head.ok_or_else(|| invalid("the first frame has no head"))?;
        if head.payload_length as usize > MAX_WRITE {
            return Err(too_large());
        }
        let assembly = Self {
            head,
            payload: Payload::One(frame.payload),
        };
        assembly.check()?;
        Ok(assembly)
    }

    /// Adds another frame.
    ///
    /// # Errors
    /// [`WriteError::Invalid`] where the payload becomes longer than its head says.
    pub fn add(&mut self, frame: &WriteFrame) -> Result<(), WriteError> {
        if frame.head.is_some() {
            return Err(invalid("a second head"));
        }
        if let Payload::One(first) = &self.payload {
            self.payload = Payload::Many(BytesMut::from(&**first));
        }
        if let Payload::Many(all) = &mut self.payload {
            all.extend_from_slice(&frame.payload);
        }
        self.check()
    }

    /// Whether all of the payload is there.
    pub fn is_whole(&self) -> bool {
        self.length() == self.head.payload_length as usize
    }

    /// The write, and whom it is a hint for with the generation of that node's mark.
    ///
    /// # Errors
    /// [`WriteError::Invalid`] where bytes are missing or are no ids and slots.
    pub fn finish(self) -> Result<(ReplicaWrite, Option<(NodeId, u64)>), WriteError> {
        let head = self.head;
        let payload = match self.payload {
            Payload::One(payload) => payload,
            Payload::Many(payload) => payload.freeze(),
        };
        if payload.len() != head.payload_length as usize {
            return Err(invalid("its payload is cut off"));
        }
        let parts = head.parts.iter().map(part).collect::<Result<_, _>>()?;
        let write = ReplicaWrite {
            tenant: TenantId(head.tenant),
            epoch: Epoch(head.epoch),
            parts,
            length: head.length,
            payload,
            compressed: head.compressed,
        };
        Ok((write, head.hint.map(|hint| (NodeId(hint.node), hint.generation))))
    }

    fn length(&self) -> usize {
        match &self.payload {
            Payload::One(payload) => payload.len(),
            Payload::Many(payload) => payload.len(),
        }
    }

    fn check(&self) -> Result<(), WriteError> {
        match self.length() <= self.head.payload_length as usize {
            true => Ok(()),
            false => Err(invalid("its payload is longer than its head says")),
        }
    }
}

fn part(part: &proto::RequestPart) -> Result<RequestPart, WriteError> {
    Ok(RequestPart {
        id: RequestId(id_of(&part.id).ok_or_else(|| invalid("a request id has 16 bytes"))?),
        slots: slots_of(&part.slots).ok_or_else(|| invalid("no set of slots"))?,
        bytes: part.bytes,
    })
}

fn invalid(what: &str) -> WriteError {
    WriteError::Invalid(format!("a write between nodes: {what}"))
}
