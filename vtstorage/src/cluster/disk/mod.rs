//! The small durable store below the consensus: a few families of keys, read once at the start and written in batches
//! that are durable when the call returns. It knows nothing of what it keeps.

mod memory;
mod rocks;

pub use memory::MemoryDisk;
pub use rocks::RocksDisk;

use async_trait::async_trait;
use std::io;
use std::sync::Arc;

/// A space of keys of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    /// Vote and log of the consensus
    Log,
    /// The replicated state, as far as it was applied
    State,
    /// What the node knows of itself
    Node,
}

impl Family {
    const ALL: [Self; 3] = [Self::Log, Self::State, Self::Node];

    fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::State => "state",
            Self::Node => "node",
        }
    }
}

/// One change of a key or of a range of keys.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put(Family, Vec<u8>, Vec<u8>),
    /// From the first key on, before the second one
    DeleteRange(Family, Vec<u8>, Vec<u8>),
}

/// Changes that are made together or not at all, in their order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    changes: Vec<Change>,
}

impl Batch {
    pub fn put(&mut self, family: Family, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.changes.push(Change::Put(family, key.into(), value));
    }

    /// Deletes the keys from `from` on that are less than `to`.
    pub fn delete_range(&mut self, family: Family, from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) {
        self.changes.push(Change::DeleteRange(family, from.into(), to.into()));
    }
}

/// A key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// See the module. Errors are final: after one, nothing more is written, for it is not known what is on the disk.
#[async_trait]
pub trait MetaDisk: Send + Sync + 'static {
    /// All of a family, by key. Blocks: called at the start only.
    ///
    /// # Errors
    /// When the disk cannot be read.
    fn load(&self, family: Family) -> io::Result<Vec<Record>>;

    /// Whether [`Self::load`] waits for nothing.
    fn is_memory(&self) -> bool {
        false
    }

    /// Makes a batch durable. Batches take effect in the order of the calls' first polls.
    ///
    /// # Errors
    /// When the disk fails or has failed before.
    async fn commit(&self, batch: Batch) -> io::Result<()>;
}

/// Reads a disk where that may block; one in memory at once, so that simulations go without other threads.
pub(super) async fn reading<T: Send + 'static>(
    disk: Arc<dyn MetaDisk>,
    read: impl FnOnce(Arc<dyn MetaDisk>) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match disk.is_memory() {
        true => read(disk),
        false => tokio::task::spawn_blocking(move || read(disk)).await?,
    }
}
