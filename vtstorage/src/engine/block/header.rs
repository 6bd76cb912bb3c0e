//! The block header: what a query must know of a block before it reads any column. Kept in memory within a budget.

use crate::engine::batch::CellKind;
use crate::engine::codec::{FixedStream, IntStream, Segments, TextStream};
use crate::engine::error::StorageError;
use common::ids::{Epoch, TenantId};
use common::value::map_keys;
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

/// What a sparse column of a table holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Field {
    /// The attribute with this key
    Attr(String),
    /// Attributes without a column of their own, as the bytes of a `KeyValueList`
    Spill,
    StatusMessage,
    TraceState,
    Flags,
    DroppedAttributes,
    DroppedEvents,
    DroppedLinks,
    /// The 8 bytes of a parent id that is not in the trace's rows of this block
    OuterParent,
    /// The number of the event after the span's last one, counted over the block
    EventsEnd,
    /// The number of the link after the span's last one, counted over the block
    LinksEnd,
    /// The 16 bytes of a link's trace id, unless it is the span's own
    LinkTrace,
    /// The 8 bytes of a link's span id, unless it is the span's parent
    LinkSpan,
}

/// How the values of a column are stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ColumnData {
    /// Values without content: `AnyValue`s that are empty
    Empty,
    /// Ints, bools (0 or 1), doubles (bits)
    Numbers(IntStream),
    /// Byte strings as they are
    Texts(TextStream),
    /// Distinct byte strings in ascending order, and which of them each value is
    Dict { dict: TextStream, codes: IntStream },
    /// Ids
    Fixed(FixedStream),
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnMeta {
    pub field: Field,
    /// The type of all its values; `None` where types are mixed: each is then a text of its kind's number and the
    /// bits (8 bytes) or bytes of the value
    pub kind: Option<CellKind>,
    /// Number of values
    pub count: u32,
    /// Least and greatest value of ints and doubles, as bits
    pub bounds: Option<(u64, u64)>,
    pub data: ColumnData,
    /// The membership filter over its texts
    pub filter: Option<Segments>,
}

/// Rows with sparse columns: spans, events or links. Which columns a row has, in order, is its shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableMeta {
    pub rows: u32,
    /// The shape of each row
    pub shapes: IntStream,
    /// What each shape is, and the rank bases: see [`super::layout::Layout`]
    pub layout: Segments,
    pub columns: Vec<ColumnMeta>,
}

/// The columns that every span has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpanColumns {
    pub span_id: FixedStream,
    /// 0 for a root and where there is an [`Field::OuterParent`]; else 1 + the parent's row, counted from the trace's first
    pub parent: IntStream,
    /// Start minus the trace's start
    pub start: IntStream,
    /// End minus start (wrapping), signed
    pub duration: IntStream,
    pub kind: IntStream,
    pub status: IntStream,
    pub resource: IntStream,
    pub scope: IntStream,
    pub name: ColumnMeta,
}

/// The columns that every trace has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceColumns {
    pub trace_id: FixedStream,
    /// The row after the trace's last one
    pub rows_end: IntStream,
    /// Start of the earliest span minus the block's earliest
    pub start: IntStream,
    /// End of the latest span minus the trace's start (saturating)
    pub extent: IntStream,
}

/// The columns that every event has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventColumns {
    pub name: ColumnMeta,
    /// Time minus the span's start (wrapping), signed
    pub time: IntStream,
}

/// Where the values of a block lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockColumns {
    pub trace: TraceColumns,
    pub span: SpanColumns,
    pub spans: TableMeta,
    pub event: EventColumns,
    pub events: TableMeta,
    pub links: TableMeta,
    /// Distinct resources and scopes ([`crate::engine::batch::Origin`])
    pub resources: TextStream,
    pub scopes: TextStream,
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
    /// Longest span duration (end minus start), in nanoseconds
    pub max_duration: u64,
    /// Names of the services in it, ascending; the empty name stands for resources without one
    pub services: Vec<String>,
    /// For each resource, which of `services` it belongs to
    pub resource_services: Vec<u32>,
    /// Whether each resource's `service.name` is a text or missing, so that `services` says all of it
    pub services_are_texts: bool,
    /// Attribute keys of its resources, ascending; `None` where they are too many to list
    pub resource_keys: Option<Vec<String>>,
    /// Attribute keys of its scopes
    pub scope_keys: Option<Vec<String>>,
    pub columns: BlockColumns,
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
            return Err(StorageError::NewerFormat {
                what: "a block",
                found,
                known: BLOCK_FORMAT,
            });
        }
        let fields = zstd::bulk::decompress(fields, MAX_HEADER).map_err(|e| corrupt(&e.to_string()))?;
        postcard::from_bytes(&fields).map_err(|e| corrupt(&e.to_string()))
    }

    /// About how much memory it takes.
    pub fn size(&self) -> usize {
        let tables = [&self.columns.spans, &self.columns.events, &self.columns.links];
        let columns = tables.iter().map(|table| table.columns.len()).sum::<usize>();
        let tenants = self.tenants.iter();
        let tenants = tenants.map(|tenant| 8 * (tenant.hash_parts.len() + tenant.minutes.len()));
        let services = self.services.iter();
        let services = services.map(|service| service.len() + size_of::<String>());
        size_of::<Self>()
            + columns * (size_of::<ColumnMeta>() + COLUMN_HEAP)
            + tenants.sum::<usize>()
            + services.sum::<usize>()
            + 4 * self.resource_services.len()
    }

    /// The rows of `tenant`; empty if it has none.
    pub fn tenant_rows(&self, tenant: TenantId) -> Range<u32> {
        let found = self.tenants.iter().find(|t| t.tenant == tenant.0);
        found.map_or(0..0, |t| t.first_row..t.first_row + t.rows)
    }
}

/// Whether a key may be among listed ones, or a map that may have it inside.
pub fn may_have_key(keys: &Option<Vec<String>>, key: &str) -> bool {
    keys.as_ref().is_none_or(|keys| {
        let listed = |key: &str| keys.binary_search_by(|known| known.as_str().cmp(key)).is_ok();
        listed(key) || map_keys(key).any(|(map, _)| listed(map))
    })
}

/// About what a column's key and its list of segments take.
const COLUMN_HEAP: usize = 100;

/// No header is larger than this when decompressed.
const MAX_HEADER: usize = 16 << 20;
