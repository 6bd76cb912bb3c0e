//! Values of a fixed width that do not compress: span and trace ids.

use super::{PAGE_VALUES, SegmentWriter, Segments};
use crate::engine::block::ChunkId;
use crate::engine::error::StorageError;
use serde::{Deserialize, Serialize};

/// A stream of byte arrays of one width.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FixedStream {
    pub width: u8,
    pub count: u32,
    pub segments: Segments,
}

impl FixedStream {
    /// Writes `values`, whose length is a multiple of `width`.
    pub fn encode(width: u8, values: &[u8], stream: u16, chunks: &mut Vec<(ChunkId, Vec<u8>)>) -> Self {
        let step = usize::from(width.max(1));
        let mut writer = SegmentWriter::new(stream, chunks);
        for page in values.chunks(PAGE_VALUES * step) {
            writer.page((page.len() / step) as u32, page);
        }
        Self {
            width,
            count: (values.len() / step) as u32,
            segments: writer.finish(),
        }
    }

    /// The values of a page that should hold `n`.
    pub fn decode<'p>(&self, page: &'p [u8], n: usize) -> Result<&'p [u8], StorageError> {
        if page.len() != n * usize::from(self.width) {
            return Err(StorageError::corrupt("page of ids", "wrong length"));
        }
        Ok(page)
    }
}
