//! Records of the write-ahead log: a batch as it came, compressed, with what is needed to decode it again.

use crate::engine::error::StorageError;
use bytes::Bytes;
use common::ids::{Epoch, RequestId, TenantId};
use common::time::UnixNanos;
use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};

/// What a record says of its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WalHeader {
    pub(crate) tenant: TenantId,
    pub(crate) epoch: Epoch,
    /// Of the message, or of its first part: for whoever looks into the log
    pub(crate) request: RequestId,
    /// When the message came
    pub(crate) received: UnixNanos,
}

const VERSION: u8 = 1;
const RAW: u8 = 0;
const ZSTD: u8 = 1;
/// Version, form, tenant, epoch, request, received, length of the message.
const HEADER: usize = 1 + 1 + 8 + 4 + 16 + 8 + 4;
/// The fastest level that still halves the log several times over.
const LEVEL: i32 = -3;

impl WalHeader {
    fn write(&self, form: u8, length: u32, out: &mut Vec<u8>) {
        out.extend([VERSION, form]);
        out.extend(self.tenant.0.to_be_bytes());
        out.extend(self.epoch.0.to_be_bytes());
        out.extend(self.request.0.to_be_bytes());
        out.extend(self.received.0.to_be_bytes());
        out.extend(length.to_be_bytes());
    }
}

/// Writes records; compressors and their buffers are used again.
#[derive(Default)]
pub(crate) struct WalPacker {
    idle: Mutex<Vec<Scratch>>,
}

struct Scratch {
    compressor: Compressor<'static>,
    packed: Vec<u8>,
}

/// Larger buffers are not kept.
const MAX_SCRATCH: usize = 4 << 20;

impl std::fmt::Debug for WalPacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WalPacker").finish_non_exhaustive()
    }
}

impl WalPacker {
    /// The record of a message. It is stored raw where compression does not make it smaller.
    pub(crate) fn pack(&self, header: &WalHeader, otlp: &[u8]) -> Result<Vec<u8>, StorageError> {
        let length = u32::try_from(otlp.len()).map_err(|_| StorageError::corrupt("otlp message", "over 4 GiB"))?;
        let idle = self.idle.lock().pop();
        let mut scratch = match idle {
            Some(scratch) => scratch,
            None => Scratch {
                compressor: Compressor::new(LEVEL).map_err(failed)?,
                packed: Vec::new(),
            },
        };
        scratch.packed.clear();
        scratch.packed.reserve(otlp.len());
        // An error here says that the result does not fit in the room of the message.
        let smaller = scratch.compressor.compress_to_buffer(otlp, &mut scratch.packed);
        let packed = smaller.is_ok_and(|size| size < otlp.len());
        let (form, payload) = if packed {
            (ZSTD, scratch.packed.as_slice())
        } else {
            (RAW, otlp)
        };
        let mut record = Vec::with_capacity(HEADER + payload.len());
        header.write(form, length, &mut record);
        record.extend_from_slice(payload);
        if scratch.packed.capacity() > MAX_SCRATCH {
            scratch.packed = Vec::new();
        }
        self.idle.lock().push(scratch);
        Ok(record)
    }
}

/// The record of a message that came packed: `payload` is one or more zstd frames where it is `compressed`, and
/// `length` bytes long without.
pub(crate) fn record(header: &WalHeader, payload: &[u8], compressed: bool, length: u32) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER + payload.len());
    header.write(if compressed { ZSTD } else { RAW }, length, &mut record);
    record.extend_from_slice(payload);
    record
}

fn failed(e: std::io::Error) -> StorageError {
    StorageError::corrupt("wal record", e.to_string())
}

/// The header and the message of a record.
pub(crate) fn unpack(record: &[u8]) -> Result<(WalHeader, Bytes), StorageError> {
    let corrupt = |why: &str| StorageError::corrupt("wal record", why);
    let (header, payload) = record
        .split_first_chunk::<HEADER>()
        .ok_or_else(|| corrupt("too short"))?;
    let [version, form, fields @ ..] = header;
    if *version != VERSION {
        return Err(corrupt(&format!("version {version}")));
    }
    let (header, length) = fields_of(fields).ok_or_else(|| corrupt("header"))?;
    let otlp = match *form {
        RAW => payload.to_vec(),
        ZSTD => Decompressor::new()
            .and_then(|mut d| d.decompress(payload, length as usize))
            .map_err(failed)?,
        form => return Err(corrupt(&format!("form {form}"))),
    };
    match otlp.len() == length as usize {
        true => Ok((header, otlp.into())),
        false => Err(corrupt("length")),
    }
}

fn fields_of(bytes: &[u8]) -> Option<(WalHeader, u32)> {
    let (tenant, bytes) = bytes.split_first_chunk::<8>()?;
    let (epoch, bytes) = bytes.split_first_chunk::<4>()?;
    let (request, bytes) = bytes.split_first_chunk::<16>()?;
    let (received, bytes) = bytes.split_first_chunk::<8>()?;
    let header = WalHeader {
        tenant: TenantId(u64::from_be_bytes(*tenant)),
        epoch: Epoch(u32::from_be_bytes(*epoch)),
        request: RequestId(u128::from_be_bytes(*request)),
        received: UnixNanos(u64::from_be_bytes(*received)),
    };
    Some((header, u32::from_be_bytes(bytes.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: WalHeader = WalHeader {
        tenant: TenantId(u64::MAX),
        epoch: Epoch(3),
        request: RequestId(1 << 100),
        received: UnixNanos(1_700_000_000_000_000_000),
    };

    #[test]
    fn messages_come_out_as_they_went_in() {
        let packer = WalPacker::default();
        let noise: Vec<u8> = (0..1_000u64)
            .flat_map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes())
            .collect();
        for message in [vec![], vec![7], vec![1; 100_000], noise.clone()] {
            let record = packer.pack(&HEAD, &message).unwrap();
            assert!(record.len() <= HEADER + message.len());
            assert_eq!(unpack(&record).unwrap(), (HEAD, Bytes::from(message)));
        }
        assert!(packer.pack(&HEAD, &vec![1; 100_000]).unwrap().len() < 1_000);
        assert_eq!(packer.pack(&HEAD, &noise).unwrap().len(), HEADER + noise.len());
    }

    #[test]
    fn damaged_records_are_errors() {
        let record = WalPacker::default().pack(&HEAD, &vec![1; 1_000]).unwrap();
        for length in 0..record.len() {
            assert!(unpack(&record[..length]).is_err(), "{length}");
        }
        for version in [0, 2] {
            let mut other = record.clone();
            other[0] = version;
            assert!(unpack(&other).is_err());
        }
    }
}
