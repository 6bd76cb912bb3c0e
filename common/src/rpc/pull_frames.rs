//! What a node gives another for a transfer, as the frames of a stream, and back.

use super::messages;
use super::proto::{self, PullEnd, PullFrame, PullRequest};
use super::write_frames::{self, Assembly};
use crate::cluster::{Pull, Pulled, Slot, SlotDigest};
use crate::contract::WriteError;
use std::collections::BTreeMap;

/// The request for a pull.
pub fn request(pull: &Pull) -> PullRequest {
    PullRequest {
        version: pull.version,
        scope: Some(messages::scope_to(&pull.scope)),
        day: pull.day,
    }
}

/// Reads [`request`].
///
/// # Errors
/// [`WriteError::Invalid`] where it is none.
pub fn request_of(request: &PullRequest) -> Result<Pull, WriteError> {
    let scope = messages::scope_of(request.scope.as_ref());
    Ok(Pull {
        version: request.version,
        scope: scope.ok_or_else(|| invalid("no scope"))?,
        day: request.day,
    })
}

/// The frames of one thing that is given.
///
/// # Errors
/// [`WriteError::Invalid`] for a write that is too large.
pub fn frames(pulled: Pulled) -> Result<Vec<PullFrame>, WriteError> {
    match pulled {
        Pulled::Write(write) => {
            let frames = write_frames::frames(write, None)?.into_iter();
            let frame = |write| PullFrame {
                write: Some(write),
                end: None,
            };
            Ok(frames.map(frame).collect())
        }
        Pulled::End(digests) => {
            let digest = |(slot, digest): (Slot, SlotDigest)| proto::SlotDigest {
                slot: slot.0.into(),
                spans: digest.spans,
                sum: digest.sum,
            };
            let digests = digests.into_iter().map(digest).collect();
            Ok(vec![PullFrame {
                write: None,
                end: Some(PullEnd { digests }),
            }])
        }
    }
}

/// Joins frames to what they are of.
#[derive(Default)]
pub struct PullAssembly(Option<Assembly>);

impl PullAssembly {
    /// Takes the next frame; `None` while a write goes on.
    ///
    /// # Errors
    /// [`WriteError::Invalid`] where the frames make nothing.
    pub fn add(&mut self, frame: PullFrame) -> Result<Option<Pulled>, WriteError> {
        if let Some(end) = frame.end {
            return match self.0 {
                None => digests_of(&end).map(Some),
                Some(_) => Err(invalid("it ends within a write")),
            };
        }
        let frame = frame.write.ok_or_else(|| invalid("an empty frame"))?;
        let assembly = match self.0.take() {
            None => Assembly::begin(frame)?,
            Some(mut assembly) => {
                assembly.add(&frame)?;
                assembly
            }
        };
        if !assembly.is_whole() {
            self.0 = Some(assembly);
            return Ok(None);
        }
        let (write, _) = assembly.finish()?;
        Ok(Some(Pulled::Write(write)))
    }
}

fn digests_of(end: &PullEnd) -> Result<Pulled, WriteError> {
    let digest = |digest: &proto::SlotDigest| {
        let slot = u16::try_from(digest.slot).map_err(|_| invalid("no such slot"))?;
        let (spans, sum) = (digest.spans, digest.sum);
        Ok((Slot(slot), SlotDigest { spans, sum }))
    };
    let digests: Result<BTreeMap<_, _>, WriteError> = end.digests.iter().map(digest).collect();
    digests.map(Pulled::End)
}

fn invalid(what: &str) -> WriteError {
    WriteError::Invalid(format!("a transfer between nodes: {what}"))
}
