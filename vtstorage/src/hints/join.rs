//! Small writes into large messages. Compressed payloads need not be touched for it: frames that follow each other are
//! one message. Pure.

use crate::engine::store::Hint;
use bytes::{Bytes, BytesMut};
use common::cluster::ReplicaWrite;
use common::ids::{Epoch, TenantId};
use std::collections::{BTreeMap, BTreeSet};

/// Payloads are joined up to this size, well below what a message between nodes may have.
const MAX_PAYLOAD: usize = 2 << 20;
/// And up to this size without compression: what a node takes in one piece.
const MAX_LENGTH: u32 = 8 << 20;

/// Hints that go in one message.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Joined {
    pub(super) numbers: Vec<u64>,
    pub(super) write: ReplicaWrite,
}

/// A message that grows.
struct Growing {
    numbers: Vec<u64>,
    write: ReplicaWrite,
    payload: BytesMut,
}

impl Growing {
    fn new(hint: Hint) -> Self {
        Self {
            numbers: vec![hint.number],
            payload: BytesMut::from(&hint.write.payload[..]),
            write: ReplicaWrite {
                payload: Bytes::new(),
                ..hint.write
            },
        }
    }

    fn fits(&self, write: &ReplicaWrite) -> bool {
        let length = self.write.length.saturating_add(write.length);
        length <= MAX_LENGTH && self.payload.len() + write.payload.len() <= MAX_PAYLOAD
    }

    fn add(&mut self, hint: Hint) {
        self.numbers.push(hint.number);
        self.write.length += hint.write.length;
        self.write.parts.extend(hint.write.parts);
        self.payload.extend_from_slice(&hint.write.payload);
    }

    fn finish(self) -> Joined {
        let payload = self.payload.freeze();
        Joined {
            numbers: self.numbers,
            write: ReplicaWrite { payload, ..self.write },
        }
    }
}

/// Joins hints of one tenant and epoch, except those that shall go alone.
pub(super) fn join(hints: Vec<Hint>, alone: &BTreeSet<u64>) -> Vec<Joined> {
    let mut growing: BTreeMap<(TenantId, Epoch), Growing> = BTreeMap::new();
    let mut done = Vec::new();
    for hint in hints {
        let key = (hint.write.tenant, hint.write.epoch);
        if alone.contains(&hint.number) || !hint.write.compressed {
            done.push(Growing::new(hint).finish());
            continue;
        }
        match growing.get_mut(&key) {
            Some(message) if message.fits(&hint.write) => message.add(hint),
            _ => done.extend(growing.insert(key, Growing::new(hint)).map(Growing::finish)),
        }
    }
    done.extend(growing.into_values().map(Growing::finish));
    done.sort_by_key(|message| message.numbers.first().copied());
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::cluster::{RequestPart, SlotSet};
    use common::ids::RequestId;

    fn hint(number: u64, epoch: u32, length: u32) -> Hint {
        let part = RequestPart {
            id: RequestId(number.into()),
            slots: SlotSet::all(4),
            bytes: length,
        };
        let text = vec![number as u8; length as usize];
        Hint {
            number,
            write: ReplicaWrite {
                tenant: TenantId(1),
                epoch: Epoch(epoch),
                parts: vec![part],
                length,
                payload: zstd::bulk::compress(&text, -3).unwrap().into(),
                compressed: true,
            },
        }
    }

    #[test]
    fn writes_of_an_epoch_are_joined_in_order() {
        let mut raw = hint(6, 1, 5);
        raw.write.compressed = false;
        let hints = vec![
            hint(1, 1, 10),
            hint(2, 2, 10),
            hint(3, 1, 20),
            hint(4, 1, 30),
            hint(5, 2, 1),
            raw,
        ];
        let joined = join(hints, &[3].into());
        let numbers: Vec<_> = joined.iter().map(|message| message.numbers.clone()).collect();
        assert_eq!(numbers, [vec![1, 4], vec![2, 5], vec![3], vec![6]]);
        let first = &joined[0].write;
        assert_eq!((first.length, first.parts.len()), (40, 2));
        let text = zstd::bulk::decompress(&first.payload, 100).unwrap();
        assert_eq!(text, [vec![1; 10], vec![4; 30]].concat());
    }

    #[test]
    fn messages_have_a_bound() {
        let hints = (0..5).map(|number| hint(number, 1, MAX_LENGTH / 2)).collect();
        let numbers: Vec<_> = join(hints, &BTreeSet::new()).into_iter().map(|m| m.numbers).collect();
        assert_eq!(numbers, [vec![0, 1], vec![2, 3], vec![4]]);
        let large = vec![hint(0, 1, 3 * MAX_LENGTH), hint(1, 1, 5)];
        assert_eq!(join(large, &BTreeSet::new()).len(), 2);
    }
}
