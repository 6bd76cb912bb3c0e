//! Records of hints: a write as it came, for another node.

use super::super::slots::Slots;
use crate::engine::error::StorageError;
use bytes::Bytes;
use common::cluster::{ReplicaWrite, RequestPart};
use common::ids::{Epoch, RequestId, TenantId};

const VERSION: u8 = 1;
/// Version, form, tenant, epoch, length, number of parts.
const HEADER: usize = 1 + 1 + 8 + 4 + 4 + 4;
/// Of a part before its slots: request, bytes, length of the slots.
const PART: usize = 16 + 4 + 2;
/// A bitmap of all slots that can be.
const MAX_SLOTS: usize = 1 + 4_096;

/// The record of a write.
pub(super) fn to_bytes(write: &ReplicaWrite) -> Result<Vec<u8>, StorageError> {
    let parts = u32::try_from(write.parts.len()).map_err(|_| corrupt("too many parts"))?;
    let mut out = Vec::with_capacity(HEADER + write.parts.len() * (PART + 32) + write.payload.len());
    out.extend([VERSION, u8::from(write.compressed)]);
    out.extend(write.tenant.0.to_be_bytes());
    out.extend(write.epoch.0.to_be_bytes());
    out.extend(write.length.to_be_bytes());
    out.extend(parts.to_be_bytes());
    for part in &write.parts {
        let slots = Slots::Some(part.slots.clone()).to_bytes();
        let length = u16::try_from(slots.len()).map_err(|_| corrupt("too many slots"))?;
        out.extend(part.id.0.to_be_bytes());
        out.extend(part.bytes.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(slots);
    }
    out.extend_from_slice(&write.payload);
    Ok(out)
}

/// Reads [`to_bytes`].
pub(super) fn from_bytes(record: &[u8]) -> Result<ReplicaWrite, StorageError> {
    match record.first() {
        Some(found) if *found > VERSION => Err(StorageError::NewerFormat {
            what: "a hint",
            found: u32::from(*found),
            known: u32::from(VERSION),
        }),
        Some(&VERSION) => read(record).ok_or_else(|| corrupt("fields")),
        _ => Err(corrupt("version")),
    }
}

fn corrupt(why: &str) -> StorageError {
    StorageError::corrupt("hint", why)
}

fn read(record: &[u8]) -> Option<ReplicaWrite> {
    let ([_, form], rest) = record.split_first_chunk::<2>()?;
    let (tenant, rest) = rest.split_first_chunk::<8>()?;
    let (epoch, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut parts = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (part, after) = read_part(rest)?;
        parts.push(part);
        rest = after;
    }
    Some(ReplicaWrite {
        tenant: TenantId(u64::from_be_bytes(*tenant)),
        epoch: Epoch(u32::from_be_bytes(*epoch)),
        parts,
        length: u32::from_be_bytes(*length),
        payload: Bytes::copy_from_slice(rest),
        compressed: match form {
            0 => false,
            1 => true,
            _ => return None,
        },
    })
}

fn read_part(rest: &[u8]) -> Option<(RequestPart, &[u8])> {
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (bytes, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (slots, rest) = rest.split_at_checked(length.min(MAX_SLOTS))?;
    let Slots::Some(slots) = Slots::from_bytes(slots)? else {
        return None;
    };
    let part = RequestPart {
        id: RequestId(u128::from_be_bytes(*id)),
        slots,
        bytes: u32::from_be_bytes(*bytes),
    };
    Some((part, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::cluster::{Slot, SlotSet};

    #[test]
    fn hints_read_as_they_are_written() {
        let part = |id, slots: SlotSet| RequestPart {
            id: RequestId(id),
            slots,
            bytes: 7,
        };
        let parts = vec![
            part(1, SlotSet::all(32_768)),
            part(u128::MAX, SlotSet::new()),
            part(3, [Slot(900)].into_iter().collect()),
        ];
        for (compressed, parts) in [(true, parts), (false, Vec::new())] {
            let write = ReplicaWrite {
                tenant: TenantId(5 << 32),
                epoch: Epoch(9),
                parts,
                length: 1_000,
                payload: Bytes::from_static(b"payload"),
                compressed,
            };
            let record = to_bytes(&write).unwrap();
            assert_eq!(from_bytes(&record).unwrap(), write);
            let fields = record.len() - write.payload.len();
            assert!((0..fields).all(|length| from_bytes(&record[..length]).is_err()));
        }
        assert!(matches!(from_bytes(&[2]), Err(StorageError::NewerFormat { .. })));
        assert!(from_bytes(&[0; 40]).is_err());
    }
}
