//! What the engine takes from outside beside its flags: the clock, the free space, steps to stop at, and
//! which blocks are large. Tests give it others.

use super::disk::DiskSpace;
use super::failpoint::Failpoints;
use common::time::UnixNanos;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

type Clock = Arc<dyn Fn() -> UnixNanos + Send + Sync>;
type Disk = Arc<dyn Fn(&Path) -> io::Result<DiskSpace> + Send + Sync>;

/// Where the engine learns about the world.
#[derive(Clone)]
pub struct Environment {
    /// The wall clock
    pub now: Clock,
    /// The space of the file system that a directory lies on
    pub disk: Disk,
    pub failpoints: Failpoints,
    /// Blocks with fewer bytes of chunks than this go through RocksDB's log like everything else. Larger ones do not:
    /// they are written to a file before their commit, which saves writing them twice
    pub logged_block: usize,
}

/// A file for less would be too small a file.
const LOGGED_BLOCK: usize = 256 << 10;

impl Default for Environment {
    fn default() -> Self {
        Self {
            now: Arc::new(UnixNanos::now),
            disk: Arc::new(DiskSpace::of),
            failpoints: Failpoints::default(),
            logged_block: LOGGED_BLOCK,
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("failpoints", &self.failpoints)
            .finish_non_exhaustive()
    }
}
