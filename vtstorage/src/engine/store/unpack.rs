//! Takes messages out of their compression; decompressors and their buffers are used again.

use crate::engine::error::StorageError;
use parking_lot::Mutex;
use zstd::bulk::Decompressor;

/// See the module.
#[derive(Default)]
pub(crate) struct Unpacker {
    idle: Mutex<Vec<Scratch>>,
}

struct Scratch {
    decompressor: Decompressor<'static>,
    message: Vec<u8>,
}

/// Larger buffers are not kept.
const MAX_SCRATCH: usize = 16 << 20;
/// No message is larger: what says that it is is not believed.
const MAX_MESSAGE: usize = 1 << 30;

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacker").finish_non_exhaustive()
    }
}

impl Unpacker {
    /// Calls `read` with the message that `payload`, one or more zstd frames, holds: it must have this length.
    pub(crate) fn read<T>(
        &self,
        payload: &[u8],
        length: usize,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, StorageError> {
        if length > MAX_MESSAGE {
            return Err(StorageError::corrupt("message", "too long"));
        }
        let idle = self.idle.lock().pop();
        let mut scratch = match idle {
            Some(scratch) => scratch,
            None => Scratch {
                decompressor: Decompressor::new().map_err(failed)?,
                message: Vec::new(),
            },
        };
        scratch.message.clear();
        scratch.message.reserve_exact(length);
        let size = scratch.decompressor.decompress_to_buffer(payload, &mut scratch.message);
        let outcome = match size.map_err(failed)? {
            size if size == length => Ok(read(&scratch.message)),
            _ => Err(StorageError::corrupt("message", "its length is another")),
        };
        if scratch.message.capacity() > MAX_SCRATCH {
            scratch.message = Vec::new();
        }
        self.idle.lock().push(scratch);
        outcome
    }
}

fn failed(e: std::io::Error) -> StorageError {
    StorageError::corrupt("message", e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_follow_each_other_are_one_message() {
        let frame = |text: &[u8]| zstd::bulk::compress(text, -3).unwrap();
        let payload = [frame(&[1; 5_000]), frame(b""), frame(b"xyz")].concat();
        let unpacker = Unpacker::default();
        for _ in 0..3 {
            let read = |message: &[u8]| (message.len(), message.ends_with(&[1, b'x', b'y', b'z']));
            assert_eq!(unpacker.read(&payload, 5_003, read).unwrap(), (5_003, true));
        }
        for length in [0, 5_002, 5_004, usize::MAX] {
            assert!(unpacker.read(&payload, length, |_| ()).is_err(), "{length}");
        }
        assert!(unpacker.read(b"nonsense", 8, |_| ()).is_err());
        assert_eq!(unpacker.read(b"", 0, <[u8]>::len).unwrap(), 0);
    }
}
