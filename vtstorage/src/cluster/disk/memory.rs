//! A durable store in memory, for tests and simulations: a crash takes what was not synced, and the disk can be made to
//! fail.

use super::{Batch, Change, Family, MetaDisk, Record};
use crate::cluster::identity;
use async_trait::async_trait;
use common::cluster::NodeId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::time::Duration;

type Keys = BTreeMap<(Family, Vec<u8>), Vec<u8>>;

#[derive(Debug, Default)]
struct Contents {
    durable: Keys,
    /// Written, in this order, and not synced yet
    pending: Vec<(u64, Batch)>,
    /// Number of the newest batch
    written: u64,
    /// Number of the newest batch that is durable
    synced: u64,
    failing: bool,
}

/// See the module. It outlives the node that uses it: who restarts the node passes it on.
#[derive(Debug, Default)]
pub struct MemoryDisk {
    contents: Mutex<Contents>,
    /// How long a sync takes
    delay: Duration,
}

impl MemoryDisk {
    /// A disk whose syncs take a while, so that crashes may come in between.
    pub fn with_delay(delay: Duration) -> Self {
        Self {
            contents: Mutex::default(),
            delay,
        }
    }

    /// The same, of a node that has drawn its id already.
    pub fn of_node(node: NodeId, delay: Duration) -> Self {
        let disk = Self::with_delay(delay);
        if let Ok((key, value)) = identity::first_record(node) {
            disk.contents.lock().durable.insert((Family::Node, key), value);
        }
        disk
    }

    /// The power goes: what was not synced is lost.
    pub fn crash(&self) {
        self.contents.lock().pending.clear();
    }

    /// From now on all writes fail, or work again.
    pub fn set_failing(&self, failing: bool) {
        self.contents.lock().failing = failing;
    }
}

impl Contents {
    fn check(&self) -> io::Result<()> {
        match self.failing {
            true => Err(io::Error::other("the disk was made to fail")),
            false => Ok(()),
        }
    }

    /// Makes the batches up to this one durable; an error if a crash has taken it.
    fn sync(&mut self, upto: u64) -> io::Result<()> {
        let done = self.pending.partition_point(|(number, _)| *number <= upto);
        for (number, batch) in self.pending.drain(..done) {
            for change in batch.changes {
                apply(&mut self.durable, change);
            }
            self.synced = number;
        }
        match upto <= self.synced {
            true => Ok(()),
            false => Err(io::Error::other("lost in a crash")),
        }
    }
}

fn apply(keys: &mut Keys, change: Change) {
    match change {
        Change::Put(family, key, value) => {
            keys.insert((family, key), value);
        }
        Change::DeleteRange(family, from, to) => {
            let range = (Bound::Included((family, from)), Bound::Excluded((family, to)));
            let gone: Vec<_> = keys.range(range).map(|(key, _)| key.clone()).collect();
            for key in gone {
                keys.remove(&key);
            }
        }
    }
}

#[async_trait]
impl MetaDisk for MemoryDisk {
    fn load(&self, family: Family) -> io::Result<Vec<Record>> {
        let contents = self.contents.lock();
        let of_family = contents.durable.iter().filter(|((of, _), _)| *of == family);
        Ok(of_family
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn is_memory(&self) -> bool {
        true
    }

    async fn commit(&self, batch: Batch) -> io::Result<()> {
        let number = {
            let mut contents = self.contents.lock();
            contents.check()?;
            contents.written += 1;
            let number = contents.written;
            contents.pending.push((number, batch));
            number
        };
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let mut contents = self.contents.lock();
        contents.check()?;
        contents.sync(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    fn put(key: u8) -> Batch {
        let mut batch = Batch::default();
        batch.put(Family::Log, [key], vec![key]);
        batch
    }

    #[tokio::test]
    async fn a_crash_takes_what_was_not_synced() {
        let disk = MemoryDisk::with_delay(Duration::from_millis(5));
        disk.commit(put(1)).await.unwrap();
        assert!(disk.commit(put(2)).now_or_never().is_none());
        disk.crash();
        disk.commit(put(3)).await.unwrap();
        let keys: Vec<_> = disk
            .load(Family::Log)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, [[1], [3]]);
    }

    #[tokio::test]
    async fn a_failing_disk_says_so() {
        let disk = MemoryDisk::default();
        disk.set_failing(true);
        assert!(disk.commit(put(1)).await.is_err());
        disk.set_failing(false);
        disk.commit(put(1)).await.unwrap();
    }
}
