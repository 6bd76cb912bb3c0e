//! Writes on their way in.

use common::cluster::{NodeId, ReplicaWrite};
use common::contract::WriteError;
use common::rpc::proto::WriteFrame;
use common::rpc::{status, write_frames};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Status, Streaming};

/// When to try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A write, whom it is a hint for with the generation of that node's mark, and the room that it takes until it is done.
pub(super) type Taken = (ReplicaWrite, Option<(NodeId, u64)>, OwnedSemaphorePermit);

/// Room in memory for payloads, in units of 1 KiB.
pub(super) struct Room {
    free: Arc<Semaphore>,
    all: u32,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        let all = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).max(1);
        Self {
            free: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Room for a payload; one that is larger than all of it needs all of it.
    pub(super) fn reserve(&self, bytes: u32) -> Result<OwnedSemaphorePermit, WriteError> {
        let units = (bytes >> 10).saturating_add(1).min(self.all);
        let reserved = self.free.clone().try_acquire_many_owned(units);
        reserved.map_err(|_| WriteError::Overloaded {
            reason: "too many bytes are being written".to_owned(),
            retry_after: RETRY_AFTER,
        })
    }
}

/// Reads the frames of one write.
pub(super) async fn take(mut frames: Streaming<WriteFrame>, room: &Room) -> Result<Taken, Status> {
    let refused = |error: WriteError| status::of_write(&error);
    let first = frames.message().await?;
    let first = first.ok_or_else(|| refused(WriteError::Invalid("a write between nodes without frames".to_owned())))?;
    let bytes = first.head.as_ref().map_or(0, |head| head.payload_length);
    let reserved = room.reserve(bytes).map_err(refused)?;
    let mut assembly = write_frames::Assembly::begin(first).map_err(refused)?;
    while let Some(frame) = frames.message().await? {
        assembly.add(&frame).map_err(refused)?;
    }
    let (write, hint) = assembly.finish().map_err(refused)?;
    Ok((write, hint, reserved))
}
