//! What the rows of sent spans begin with, and their values.

/// Bits of what a span has besides what all have.
pub(super) const PARENT: u64 = 1;
pub(super) const TRACE_STATE: u64 = 1 << 1;
/// A status code or message
pub(super) const STATUS: u64 = 1 << 2;
/// Flags, or numbers of what was dropped
pub(super) const COUNTS: u64 = 1 << 3;
pub(super) const EVENTS: u64 = 1 << 4;
pub(super) const LINKS: u64 = 1 << 5;

/// Types of values.
pub(super) const NOTHING: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const INT: u8 = 2;
pub(super) const FALSE: u8 = 3;
pub(super) const TRUE: u8 = 4;
pub(super) const DOUBLE: u8 = 5;
pub(super) const BYTES: u8 = 6;
pub(super) const ARRAY: u8 = 7;
pub(super) const MAP: u8 = 8;
/// The bytes of an OTLP `ArrayValue`, or `KeyValueList`
pub(super) const OTLP_ARRAY: u8 = 9;
pub(super) const OTLP_MAP: u8 = 10;

/// What a sent resource or scope begins with: its fields follow, or its bytes as OTLP.
pub(super) const FIELDS: u64 = 0;
pub(super) const OTLP: u64 = 1;

/// In a list of keys, where the numbers of texts are one more than otherwise: the value is a map, and its entries are
/// attributes.
pub(super) const MANY: u64 = 0;
