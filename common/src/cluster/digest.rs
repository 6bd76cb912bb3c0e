//! What a node holds of a slot, to be compared with what another one holds.

use serde::{Deserialize, Serialize};

/// The spans of a slot in few numbers: repeats of a span count once, whatever the order. Equal digests mean equal spans,
/// as far as their identities go (tenant, trace, span id, kind, start, name).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct SlotDigest {
    pub spans: u64,
    /// Of hashes of their identities, modulo 2⁶⁴
    pub sum: u64,
}
