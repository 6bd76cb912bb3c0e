//! Keys and small values as they stand in RocksDB. Numbers are big endian, so that keys sort by them.
//!
//! | family | key | value |
//! |---|---|---|
//! | `default` | `mflushed`, `mnext_block` | last flushed WAL sequence, next block id: u64 |
//! | `default` | `p` day u32 | partition record |
//! | `default` | `u` day u32, block u64 | empty: the block has chunks but no header |
//! | `wal`, `quarantine` | sequence u64 | WAL record |
//! | `seen` | bucket u64, request id u128, then the epoch u32 and the lowest slot u16 unless the request is here whole | slots |
//! | `hints` | target u64, number u64 | hint record |
//! | `hint_index` | target u64, number u64 | version, bytes u32, time received u64 |
//! | `day@…` | block u64, stream u16, segment u16 | chunk |
//! | `index@…` | `h` block u32 | version, bytes of chunks u32, block header |
//! | `index@…` | `t` tenant u64, trace hash u64, block u32 | empty |
//! | `index@…` | `n` tenant u64, kind u32, length of service u32, service, name | version, first u64, last u64 |

use super::catalogue::{Seen, SpanName};
use crate::engine::block::{BlockId, ChunkId};
use crate::engine::error::StorageError;
use common::cluster::{NodeId, Slot};
use common::ids::{Epoch, RequestId, TenantId};
use common::time::UnixNanos;
use std::sync::Arc;

/// Key of the last WAL sequence whose spans are in blocks.
pub(crate) const FLUSHED: &[u8] = b"mflushed";
/// Key of the id that the next block gets.
pub(crate) const NEXT_BLOCK: &[u8] = b"mnext_block";

/// First bytes of keys.
pub(crate) const PARTITION: u8 = b'p';
pub(crate) const UNOWNED: u8 = b'u';
pub(crate) const HEADER: u8 = b'h';
pub(crate) const TRACE: u8 = b't';
pub(crate) const NAME: u8 = b'n';

/// Bytes of a trace key before the block: what a look-up knows.
pub(crate) const TRACE_PREFIX: usize = 17;

const NAME_VERSION: u8 = 1;
const HEADER_VERSION: u8 = 1;
const HINT_VERSION: u8 = 1;

pub(crate) fn partition(day: u32) -> [u8; 5] {
    let mut key = [PARTITION; 5];
    key[1..].copy_from_slice(&day.to_be_bytes());
    key
}

pub(crate) fn partition_day(key: &[u8]) -> Option<u32> {
    match key {
        [PARTITION, day @ ..] => Some(u32::from_be_bytes(day.try_into().ok()?)),
        _ => None,
    }
}

pub(crate) fn unowned(day: u32, block: BlockId) -> [u8; 13] {
    let mut key = [UNOWNED; 13];
    key[1..5].copy_from_slice(&day.to_be_bytes());
    key[5..].copy_from_slice(&block.0.to_be_bytes());
    key
}

pub(crate) fn unowned_block(key: &[u8]) -> Option<(u32, BlockId)> {
    let [UNOWNED, rest @ ..] = key else { return None };
    let (day, block) = rest.split_first_chunk::<4>()?;
    Some((
        u32::from_be_bytes(*day),
        BlockId(u64::from_be_bytes(block.try_into().ok()?)),
    ))
}

pub(crate) fn sequence(sequence: u64) -> [u8; 8] {
    sequence.to_be_bytes()
}

pub(crate) fn number(bytes: &[u8]) -> Result<u64, StorageError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| StorageError::corrupt("number", format!("{} bytes", bytes.len())))?;
    Ok(u64::from_be_bytes(bytes))
}

/// A request may come in several parts at a time, whose slots differ: `first` is the lowest of a part's.
pub(crate) fn request(bucket: u64, id: RequestId, epoch: Epoch, first: Option<Slot>) -> Vec<u8> {
    let mut key = Vec::with_capacity(30);
    key.extend(bucket.to_be_bytes());
    key.extend(id.0.to_be_bytes());
    if let Some(slot) = first {
        key.extend(epoch.0.to_be_bytes());
        key.extend(slot.0.to_be_bytes());
    }
    key
}

pub(crate) fn request_of(key: &[u8]) -> Option<(u64, RequestId, Epoch)> {
    let (bucket, rest) = key.split_first_chunk::<8>()?;
    let (id, part) = rest.split_first_chunk::<16>()?;
    let epoch = match part {
        [] => Epoch::default(),
        [a, b, c, d, _, _] => Epoch(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => return None,
    };
    Some((u64::from_be_bytes(*bucket), RequestId(u128::from_be_bytes(*id)), epoch))
}

pub(crate) fn hint(target: NodeId, number: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&target.0.to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

pub(crate) fn hint_of(key: &[u8]) -> Option<(NodeId, u64)> {
    let (target, number) = key.split_first_chunk::<8>()?;
    Some((
        NodeId(u64::from_be_bytes(*target)),
        u64::from_be_bytes(number.try_into().ok()?),
    ))
}

/// What the index of hints says of one.
pub(crate) fn hint_entry(bytes: u32, received: UnixNanos) -> [u8; 13] {
    let mut value = [HINT_VERSION; 13];
    value[1..5].copy_from_slice(&bytes.to_be_bytes());
    value[5..].copy_from_slice(&received.0.to_be_bytes());
    value
}

pub(crate) fn hint_entry_of(value: &[u8]) -> Option<(u32, UnixNanos)> {
    let [HINT_VERSION, rest @ ..] = value else { return None };
    let (bytes, received) = rest.split_first_chunk::<4>()?;
    Some((
        u32::from_be_bytes(*bytes),
        UnixNanos(u64::from_be_bytes(received.try_into().ok()?)),
    ))
}

pub(crate) fn chunk(block: BlockId, chunk: ChunkId) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&block.0.to_be_bytes());
    key[8..10].copy_from_slice(&chunk.stream.to_be_bytes());
    key[10..].copy_from_slice(&chunk.segment.to_be_bytes());
    key
}

/// The block of a chunk's key.
pub(crate) fn chunk_block(key: &[u8]) -> Option<BlockId> {
    let (block, _) = key.split_first_chunk::<8>()?;
    Some(BlockId(u64::from_be_bytes(*block)))
}

/// The keys of all chunks of a block: from the first, to before the second.
pub(crate) fn chunks_of(block: BlockId) -> ([u8; 8], [u8; 8]) {
    (block.0.to_be_bytes(), (block.0 + 1).to_be_bytes())
}

/// Block ids are written with 32 bits where they stand in many keys.
pub(crate) fn short(block: BlockId) -> Result<u32, StorageError> {
    u32::try_from(block.0).map_err(|_| StorageError::corrupt("block id", "more than 2^32 blocks"))
}

pub(crate) fn header(block: BlockId) -> Result<[u8; 5], StorageError> {
    let mut key = [HEADER; 5];
    key[1..].copy_from_slice(&short(block)?.to_be_bytes());
    Ok(key)
}

pub(crate) fn header_block(key: &[u8]) -> Option<BlockId> {
    match key {
        [HEADER, block @ ..] => Some(BlockId(u64::from(u32::from_be_bytes(block.try_into().ok()?)))),
        _ => None,
    }
}

/// The value of a header: the bytes of the block's chunks stand before it.
pub(crate) fn header_value(chunk_bytes: u32, header: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(5 + header.len());
    value.push(HEADER_VERSION);
    value.extend(chunk_bytes.to_be_bytes());
    value.extend_from_slice(header);
    value
}

pub(crate) fn header_of(value: &[u8]) -> Result<(u32, &[u8]), StorageError> {
    let (known, what) = (u32::from(HEADER_VERSION), "a block's record");
    match value {
        [HEADER_VERSION, rest @ ..] => {
            let (bytes, header) = rest
                .split_first_chunk::<4>()
                .ok_or_else(|| StorageError::corrupt("block's record", "too short"))?;
            Ok((u32::from_be_bytes(*bytes), header))
        }
        [found, ..] if *found > HEADER_VERSION => Err(StorageError::NewerFormat {
            what,
            found: u32::from(*found),
            known,
        }),
        _ => Err(StorageError::corrupt("block's record", "version")),
    }
}

pub(crate) fn trace_prefix(tenant: TenantId, hash: u64) -> [u8; TRACE_PREFIX] {
    let mut key = [TRACE; TRACE_PREFIX];
    key[1..9].copy_from_slice(&tenant.0.to_be_bytes());
    key[9..].copy_from_slice(&hash.to_be_bytes());
    key
}

pub(crate) fn trace(tenant: TenantId, hash: u64, short_block: u32) -> [u8; TRACE_PREFIX + 4] {
    let mut key = [0; TRACE_PREFIX + 4];
    key[..TRACE_PREFIX].copy_from_slice(&trace_prefix(tenant, hash));
    key[TRACE_PREFIX..].copy_from_slice(&short_block.to_be_bytes());
    key
}

pub(crate) fn trace_block(key: &[u8]) -> Option<BlockId> {
    let block = key.get(TRACE_PREFIX..)?.try_into().ok()?;
    Some(BlockId(u64::from(u32::from_be_bytes(block))))
}

pub(crate) fn name(tenant: TenantId, service: &str, name: &SpanName) -> Vec<u8> {
    let mut key = Vec::with_capacity(17 + service.len() + name.name.len());
    key.push(NAME);
    key.extend(tenant.0.to_be_bytes());
    key.extend(name.kind.to_be_bytes());
    key.extend((service.len() as u32).to_be_bytes());
    key.extend(service.as_bytes());
    key.extend(name.name.as_bytes());
    key
}

pub(crate) fn name_of(key: &[u8]) -> Option<(TenantId, Arc<str>, SpanName)> {
    let [NAME, rest @ ..] = key else { return None };
    let (tenant, rest) = rest.split_first_chunk::<8>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (service, name) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let text = |bytes| std::str::from_utf8(bytes).ok().map(Arc::<str>::from);
    let name = SpanName {
        name: text(name)?,
        kind: i32::from_be_bytes(*kind),
    };
    Some((TenantId(u64::from_be_bytes(*tenant)), text(service)?, name))
}

pub(crate) fn seen(seen: Seen) -> [u8; 17] {
    let mut value = [NAME_VERSION; 17];
    value[1..9].copy_from_slice(&seen.first.to_be_bytes());
    value[9..].copy_from_slice(&seen.last.to_be_bytes());
    value
}

pub(crate) fn seen_of(value: &[u8]) -> Option<Seen> {
    let [NAME_VERSION, rest @ ..] = value else { return None };
    let (first, last) = rest.split_first_chunk::<8>()?;
    Some(Seen {
        first: u64::from_be_bytes(*first),
        last: u64::from_be_bytes(last.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_as_they_are_written() {
        assert_eq!(partition_day(&partition(20_777)), Some(20_777));
        assert_eq!(unowned_block(&unowned(7, BlockId(9))), Some((7, BlockId(9))));
        for first in [None, Some(Slot(7))] {
            let key = request(5, RequestId(u128::MAX - 1), Epoch(7), first);
            // What is here whole is so under any epoch.
            let epoch = first.map_or(Epoch(0), |_| Epoch(7));
            assert_eq!(request_of(&key), Some((5, RequestId(u128::MAX - 1), epoch)));
        }
        assert_eq!(request_of(&[0; 25]), None);
        assert_eq!(hint_of(&hint(NodeId(5), 6)), Some((NodeId(5), 6)));
        assert_eq!(hint_entry_of(&hint_entry(7, UnixNanos(8))), Some((7, UnixNanos(8))));
        assert_eq!((hint_of(&[1; 15]), hint_entry_of(&[9; 13])), (None, None));
        assert_eq!(header_block(&header(BlockId(77)).unwrap()), Some(BlockId(77)));
        assert!(header(BlockId(1 << 32)).is_err());
        assert_eq!(header_of(&header_value(12, b"head")).unwrap(), (12, b"head".as_slice()));
        assert!(matches!(header_of(&[2, 0]), Err(StorageError::NewerFormat { .. })));
        assert!(header_of(&[]).is_err() && header_of(&[1, 0]).is_err());
        assert_eq!(trace_block(&trace(TenantId(1), 2, 3)), Some(BlockId(3)));
        let of = SpanName {
            name: "GET /".into(),
            kind: -2,
        };
        let key = name(TenantId(3), "shop", &of);
        assert_eq!(name_of(&key), Some((TenantId(3), "shop".into(), of)));
        assert_eq!(name_of(&key[..12]), None);
        let times = Seen {
            first: 4,
            last: u64::MAX,
        };
        assert_eq!(seen_of(&seen(times)), Some(times));
    }

    #[test]
    fn a_blocks_chunks_lie_between_its_bounds() {
        let (from, to) = chunks_of(BlockId(8));
        for (stream, segment) in [(0, 0), (u16::MAX, u16::MAX)] {
            let key = chunk(BlockId(8), ChunkId { stream, segment });
            assert!(from.as_slice() <= key.as_slice() && key.as_slice() < to.as_slice());
        }
    }
}
