//! Taking a node's part of some clients' requests, cut and packed by whoever received them: as a batch, but under a
//! placement epoch, and slot by slot. What comes packed is logged as it came; only where some of it was stored before
//! is it cut and packed anew.

use super::append::Logged;
use super::config::WalSync;
use super::cut::keep_slots;
use super::engine::Engine;
use super::failpoint::Failpoint;
use super::seen::{Claim, Ticket};
use super::shared::Shared;
use super::slots::Slots;
use super::view::HeadBatch;
use super::wal::{self, WalHeader};
use crate::engine::batch::SpanBatch;
use crate::engine::error::StorageError;
use common::cluster::{Placement, ReplicaWrite, RequestPart, Slot, SlotSet};
use common::contract::WriteError;
use common::ids::RequestId;
use common::otlp::write::MessageWriter;
use std::sync::Arc;

/// A decoded message on its way into the log.
struct Taken {
    batch: HeadBatch,
    record: Vec<u8>,
}

impl Engine {
    /// The spans of a write.
    pub(crate) fn decoded(&self, write: &ReplicaWrite) -> Result<SpanBatch, WriteError> {
        let limits = self.shared.decode_limits();
        let decode = |otlp: &[u8]| SpanBatch::decode(write.tenant, write.epoch, otlp, limits);
        self.shared.unpacked(write, decode)?.map_err(invalid)
    }
}

impl Shared {
    /// Stores what of a message is not stored yet. `slots` is the cluster's number of them.
    pub(crate) async fn write_replica(
        self: &Arc<Self>,
        write: ReplicaWrite,
        slots: u16,
        placement: &Placement,
    ) -> Result<(), WriteError> {
        check(&write)?;
        let ticket = loop {
            self.accepting()?;
            match self.seen.claim_parts(&write.parts, write.epoch, placement) {
                Claim::Seen => {
                    self.counters.repeated_requests.add(write.parts.len() as u64);
                    return Ok(());
                }
                Claim::Busy(mut over) => drop(over.changed().await),
                Claim::Mine(ticket) => break ticket,
            }
        };
        self.wait_for_room().await?;
        // A task of its own: a caller that goes away must not leave stored spans behind whose requests are not known.
        let stored = tokio::spawn(self.clone().store_replica(write, ticket, slots)).await;
        stored.map_err(|e| WriteError::Storage(e.to_string()))?
    }

    async fn store_replica(self: Arc<Self>, write: ReplicaWrite, ticket: Ticket, slots: u16) -> Result<(), WriteError> {
        let permit = self.ingest.clone().acquire_owned().await;
        let permit = permit.map_err(|_| StorageError::Closed)?;
        let shared = self.clone();
        let work = tokio::task::spawn_blocking(move || {
            let logged = shared.log_replica(&write, &ticket, slots);
            drop(permit);
            (logged, ticket)
        });
        let (logged, ticket) = work.await.map_err(|e| WriteError::Storage(e.to_string()))?;
        let Some(logged) = logged? else { return Ok(()) };
        if self.config.storage_wal_sync == WalSync::Always {
            self.syncer.synced(logged.ticket).await?;
        }
        ticket.accept(logged.bucket);
        Ok(())
    }

    /// Logs what is granted of a message and makes it visible. `None` where that is no span that is kept.
    fn log_replica(&self, write: &ReplicaWrite, ticket: &Ticket, slots: u16) -> Result<Option<Logged>, WriteError> {
        let taken = self.unpacked(write, |otlp| self.take(write, otlp, ticket, slots))??;
        let now = (self.environment.now)();
        if !self.is_kept(&taken.batch, now)? {
            return Ok(None);
        }
        self.hit(Failpoint::BeforeWal)?;
        let bucket = ticket.bucket(now);
        let bytes = taken.record.len() as u64;
        let appended = self.live.append(taken.batch, bytes, |sequence| {
            self.put(sequence, &taken.record, bucket, ticket)
        })?;
        if appended.sealed {
            self.flushes.signal.raise();
        }
        Ok(Some(Logged {
            bucket,
            ticket: self.syncer.written(),
        }))
    }

    fn unpacked<T>(&self, write: &ReplicaWrite, read: impl FnOnce(&[u8]) -> T) -> Result<T, WriteError> {
        let length = write.length as usize;
        match write.compressed {
            true => self.unpacker.read(&write.payload, length, read).map_err(invalid),
            false if write.payload.len() == length => Ok(read(&write.payload)),
            false => Err(WriteError::Invalid(
                "the message has another length than it says".into(),
            )),
        }
    }

    fn take(&self, write: &ReplicaWrite, otlp: &[u8], ticket: &Ticket, slots: u16) -> Result<Taken, WriteError> {
        let granted = ticket.grants();
        let is_whole = |(part, (_, slots)): (&RequestPart, &(_, Slots))| matches!(slots, Slots::Some(slots) if *slots == part.slots);
        let whole = write.parts.iter().zip(granted).all(is_whole);
        if whole {
            let batch = self.decode_replica(write, otlp, granted, slots)?;
            let record = wal::record(&self.wal_header(write), &write.payload, write.compressed, write.length);
            return Ok(Taken { batch, record });
        }
        let otlp = cut(write, otlp, granted, slots).map_err(invalid)?;
        let batch = self.decode_replica(write, &otlp, granted, slots)?;
        let record = self.packer.pack(&self.wal_header(write), &otlp)?;
        Ok(Taken { batch, record })
    }

    fn wal_header(&self, write: &ReplicaWrite) -> WalHeader {
        WalHeader {
            tenant: write.tenant,
            epoch: write.epoch,
            request: write.parts.first().map(|part| part.id).unwrap_or_default(),
            received: (self.environment.now)(),
        }
    }

    fn decode_replica(
        &self,
        write: &ReplicaWrite,
        otlp: &[u8],
        granted: &[(RequestId, Slots)],
        slots: u16,
    ) -> Result<HeadBatch, WriteError> {
        let batch = SpanBatch::decode(write.tenant, write.epoch, otlp, self.decode_limits()).map_err(invalid)?;
        let named = slots_of(granted);
        // A span in another slot than is said would be taken for stored when it is not.
        match batch
            .rows
            .iter()
            .all(|row| named.contains(Slot::of_hash(row.hash, slots)))
        {
            true => Ok(HeadBatch::new(batch)),
            false => Err(WriteError::Invalid(
                "a span lies in a slot that the message does not name".into(),
            )),
        }
    }

    /// Whether there are spans to store. Those that have grown too old on their way are not refused: nobody could do
    /// anything about it. A flush leaves them out; here it is decided for batches that have no others.
    fn is_kept(&self, batch: &HeadBatch, now: common::time::UnixNanos) -> Result<bool, WriteError> {
        let retention = self.retention();
        if batch.batch.rows.is_empty() {
            return Ok(false);
        }
        if !retention.takes(now, now.0, batch.max_start.max(now.0)) {
            return Err(WriteError::Invalid("a span starts too far in the future".into()));
        }
        if !retention.takes(now, batch.max_start, now.0) {
            self.counters.expired_rows.add(batch.batch.rows.len() as u64);
            return Ok(false);
        }
        Ok(true)
    }
}

fn invalid(e: StorageError) -> WriteError {
    WriteError::Invalid(e.to_string())
}

fn slots_of(granted: &[(RequestId, Slots)]) -> SlotSet {
    let mut all = SlotSet::new();
    for (_, slots) in granted {
        if let Slots::Some(slots) = slots {
            all.extend(slots);
        }
    }
    all
}

/// The parts' lengths must add up.
fn check(write: &ReplicaWrite) -> Result<(), WriteError> {
    let sum = write.parts.iter().map(|part| u64::from(part.bytes)).sum::<u64>();
    if sum == u64::from(write.length) {
        Ok(())
    } else {
        Err(WriteError::Invalid("the parts of the message are not all of it".into()))
    }
}

/// The message without what is not granted.
fn cut(write: &ReplicaWrite, otlp: &[u8], granted: &[(RequestId, Slots)], slots: u16) -> Result<Vec<u8>, StorageError> {
    let mut out = MessageWriter::with_capacity(otlp.len());
    let mut rest = otlp;
    for (part, (_, granted)) in write.parts.iter().zip(granted) {
        let (here, after) = rest
            .split_at_checked(part.bytes as usize)
            .ok_or_else(|| StorageError::corrupt("message", "shorter than its parts"))?;
        rest = after;
        match granted {
            Slots::Some(granted) if granted.is_empty() => {}
            Slots::Some(granted) if *granted != part.slots => keep_slots(here, granted, slots, &mut out)?,
            _ => out.raw(here),
        }
    }
    Ok(out.finish())
}
