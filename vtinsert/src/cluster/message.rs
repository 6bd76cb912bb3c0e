//! Makes one message of the parts of several requests, compressed once.

use bytes::Bytes;
use common::cluster::{ReplicaWrite, RequestPart};
use common::ids::{Epoch, TenantId};
use parking_lot::Mutex;
use zstd::bulk::Compressor;

/// Fast: a message is compressed by one node and decompressed by each replica.
const LEVEL: i32 = -3;

/// Messages smaller than this are sent as they are.
const MIN_COMPRESSED: usize = 256;

/// Compressors that wait for their next message: making one costs as much as compressing a small message.
#[derive(Default)]
pub(super) struct Packer(Mutex<Vec<Compressor<'static>>>);

impl Packer {
    /// Joins parts of one tenant and epoch; `bytes` are those of each part, in their order.
    pub(super) fn pack(
        &self,
        tenant: TenantId,
        epoch: Epoch,
        parts: Vec<RequestPart>,
        bytes: &[Bytes],
    ) -> ReplicaWrite {
        let plain = match bytes {
            [one] => one.clone(),
            many => Bytes::from(many.concat()),
        };
        let compressed = (plain.len() >= MIN_COMPRESSED)
            .then(|| self.compress(&plain))
            .flatten()
            .filter(|compressed| compressed.len() < plain.len());
        ReplicaWrite {
            tenant,
            epoch,
            parts,
            length: u32::try_from(plain.len()).unwrap_or(u32::MAX),
            compressed: compressed.is_some(),
            payload: compressed.map_or(plain, Bytes::from),
        }
    }

    /// `None` where zstd has no memory: the message is then sent as it is.
    fn compress(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let waiting = self.0.lock().pop();
        let mut compressor = match waiting {
            Some(compressor) => compressor,
            None => Compressor::new(LEVEL).ok()?,
        };
        let compressed = compressor.compress(plain).ok();
        self.0.lock().push(compressor);
        compressed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::cluster::SlotSet;
    use common::ids::RequestId;

    fn pack(bytes: &[Bytes]) -> ReplicaWrite {
        let part = |bytes: &Bytes| RequestPart {
            id: RequestId(1),
            slots: SlotSet::all(2),
            bytes: bytes.len() as u32,
        };
        Packer::default().pack(TenantId(1), Epoch(1), bytes.iter().map(part).collect(), bytes)
    }

    #[test]
    fn parts_lie_one_after_the_other() {
        let parts = [Bytes::from(vec![b'a'; 300]), Bytes::from(vec![b'b'; 200])];
        let write = pack(&parts);
        assert!(write.compressed && write.payload.len() < 500);
        assert_eq!(write.length, 500);
        let plain = zstd::bulk::decompress(&write.payload, 500).unwrap();
        assert_eq!(plain, parts.concat());
    }

    #[test]
    fn what_does_not_shrink_is_sent_as_it_is() {
        let small = [Bytes::from_static(b"abc")];
        let write = pack(&small);
        assert!(!write.compressed);
        assert_eq!(write.payload, small[0]);
        let mut seed = 1u64;
        let mut noise = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        };
        let noise = Bytes::from((0..1000).map(|_| noise()).collect::<Vec<_>>());
        let write = pack(std::slice::from_ref(&noise));
        assert_eq!((write.compressed, write.payload), (false, noise));
    }
}
