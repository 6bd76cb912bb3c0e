//! Membership filters: "is this text surely not in the column?" in about 9 bits per distinct value (binary fuse).

use crate::engine::error::StorageError;
use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable, Filter, FilterRef};

/// The hash that filters are built over.
#[inline]
pub fn hash(value: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(value)
}

/// The filter over these hashes, `None` in the rare case that it cannot be built. Repeated hashes are dropped first.
pub fn build(mut hashes: Vec<u64>) -> Option<Vec<u8>> {
    hashes.sort_unstable();
    hashes.dedup();
    let filter = BinaryFuse8::try_from(&hashes).ok()?;
    let mut out = vec![0; BinaryFuse8::DESCRIPTOR_LEN];
    filter.dma_copy_descriptor_to(&mut out);
    out.extend_from_slice(filter.dma_fingerprints());
    Some(out)
}

/// False if no value of the column had this hash.
pub fn may_contain(filter: &[u8], hash: u64) -> Result<bool, StorageError> {
    let (descriptor, fingerprints) = filter
        .split_at_checked(BinaryFuse8::DESCRIPTOR_LEN)
        .filter(|(_, fingerprints)| !fingerprints.is_empty())
        .ok_or_else(|| StorageError::corrupt("membership filter", "too short"))?;
    Ok(BinaryFuse8Ref::from_dma(descriptor, fingerprints).contains(&hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_few_others() {
        for n in [1u64, 2, 10, 1_000, 20_000] {
            let filter = build((0..n).chain(0..n).map(|i| hash(&i.to_le_bytes())).collect()).unwrap();
            assert!((0..n).all(|i| may_contain(&filter, hash(&i.to_le_bytes())).unwrap()));
            let wrong = (n..n + 10_000)
                .filter(|i| may_contain(&filter, hash(&i.to_le_bytes())).unwrap())
                .count();
            assert!(wrong < 120, "{wrong} of 10,000 with {n} members");
        }
        assert!(may_contain(&[], 1).is_err());
    }
}
