//! Pages under zstd. Contexts are kept: making one costs more than a page.

use crate::engine::error::StorageError;

/// Level 1: higher ones cost more CPU than they save disk at this page size.
const LEVEL: i32 = 1;

/// Compresses pages.
pub struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    pub fn new() -> Result<Self, StorageError> {
        zstd::bulk::Compressor::new(LEVEL).map(Self).map_err(error)
    }

    /// Appends `raw`, compressed, to `out`.
    pub fn pack(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<(), StorageError> {
        let start = out.len();
        out.resize(start + zstd::zstd_safe::compress_bound(raw.len()), 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let size = self.0.compress_to_buffer(raw, room).map_err(error)?;
        out.truncate(start + size);
        Ok(())
    }
}

/// Decompresses pages; the context is made when it is first needed.
#[derive(Default)]
pub struct Unpacker(Option<zstd::bulk::Decompressor<'static>>);

impl Unpacker {
    /// The content of a page, which must be at most `limit` bytes.
    pub fn unpack(&mut self, page: &[u8], limit: usize) -> Result<Vec<u8>, StorageError> {
        let size = zstd::zstd_safe::get_frame_content_size(page).ok().flatten();
        let size = size
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| *size <= limit);
        let size = size.ok_or_else(|| StorageError::corrupt("compressed page", "its size is missing or too large"))?;
        let context = match &mut self.0 {
            Some(context) => context,
            none => none.insert(zstd::bulk::Decompressor::new().map_err(error)?),
        };
        context.decompress(page, size).map_err(error)
    }
}

fn error(e: std::io::Error) -> StorageError {
    StorageError::corrupt("compressed page", e.to_string())
}
