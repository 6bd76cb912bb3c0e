//! Streams of values as bytes. A stream is cut into pages (the unit of decoding: 1,024 values, or 8 KiB of text), and
//! its pages are packed into segments (the unit of storage). The encoding of a stream is chosen by looking at it.

pub mod fixed;
pub mod ints;
pub mod segment;
pub mod texts;
pub mod zstd_pages;

pub use fixed::FixedStream;
pub use ints::{IntKind, IntStream};
pub use segment::{Segment, SegmentWriter, Segments};
pub use texts::TextStream;
pub use zstd_pages::{Packer, Unpacker};

/// Values in a page of numbers, codes or ids.
pub const PAGE_VALUES: usize = 1_024;

/// Raw text in a page of texts, roughly: what one look-up has to decompress.
pub const PAGE_TEXT_BYTES: usize = 8 << 10;

/// A stream of one segment no larger than this lies in the block header: small dictionaries, mostly.
pub const INLINE_BYTES: usize = 512;

/// A stream of one segment no larger than this shares a chunk with others: reading a trace then takes fewer reads.
pub const SHARED_BYTES: usize = 8 << 10;

/// Bytes in a segment, roughly: what one look-up has to read.
pub const SEGMENT_BYTES: usize = 16 << 10;
