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
