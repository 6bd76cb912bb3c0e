//! The block header: what a query must know of a block before it reads any column. Kept in memory within a budget.

use crate::engine::error::StorageError;
use common::ids::{Epoch, TenantId};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The version of the block format that this program writes.
pub const BLOCK_FORMAT: u32 = 1;

/// Parts of the hash space that a header knows the row offsets of.
pub const HASH_PARTS: usize = 64;

/// The rows of one tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TenantRows {
    pub tenant: u64,
    /// First row; the tenant's rows end where the next tenant's begin
    pub first_row: u32,
    pub rows: u32,
    pub first_trace: u32,
    pub traces: u32,
    /// For each 1/64 of the hash space: (rows, traces) before it, counted from the tenant's first
    pub hash_parts: Vec<(u32, u32)>,
    /// Number of spans by minute of the day of their start, ascending, minutes without spans left out
    pub minutes: Vec<(u16, u32)>,
}

/// Everything known of a block but its columns' values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockHeader {
    pub rows: u32,
    pub traces: u32,
    #[serde(with = "epoch")]
    pub epoch: Epoch,
    /// Earliest and latest span start, in nanoseconds
    pub min_start: u64,
    pub max_start: u64,
    /// Latest span end, in nanoseconds
    pub max_end: u64,
    pub tenants: Vec<TenantRows>,
    /// Bytes of all its chunks
    pub bytes: u64,
}

mod epoch {
    use super::Epoch;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(epoch: &Epoch, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u32(epoch.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Epoch, D::Error> {
        u32::deserialize(d).map(Epoch)
    }
}

impl BlockHeader {
    /// Version, then the fields, compressed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StorageError> {
        let fields = postcard::to_stdvec(self).map_err(|e| StorageError::corrupt("block header", e.to_string()))?;
        let mut out = BLOCK_FORMAT.to_le_bytes().to_vec();
        out.extend(zstd::bulk::compress(&fields, 1).map_err(|e| StorageError::corrupt("block header", e.to_string()))?);
        Ok(out)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StorageError> {
        let corrupt = |why: &str| StorageError::corrupt("block header", why);
        let (version, fields) = bytes.split_first_chunk::<4>().ok_or_else(|| corrupt("too short"))?;
        let found = u32::from_le_bytes(*version);
        if found > BLOCK_FORMAT {
            return Err(StorageError::NewerFormat { what: "a block", found, known: BLOCK_FORMAT });
        }
        let fields = zstd::bulk::decompress(fields, MAX_HEADER).map_err(|e| corrupt(&e.to_string()))?;
        postcard::from_bytes(&fields).map_err(|e| corrupt(&e.to_string()))
    }

    /// The rows of `tenant`; empty if it has none.
    pub fn tenant_rows(&self, tenant: TenantId) -> Range<u32> {
        let found = self.tenants.iter().find(|t| t.tenant == tenant.0);
        found.map_or(0..0, |t| t.first_row..t.first_row + t.rows)
    }
}

/// No header is larger than this when decompressed.
const MAX_HEADER: usize = 16 << 20;
