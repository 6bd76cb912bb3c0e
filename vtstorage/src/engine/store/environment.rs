//! What the engine takes from outside beside its flags: the clock, the free space, and steps to stop at. Tests give it
//! others.

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
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            now: Arc::new(UnixNanos::now),
            disk: Arc::new(DiskSpace::of),
            failpoints: Failpoints::default(),
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
