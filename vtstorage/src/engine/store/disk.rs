//! Free space of the disk, the floor below which the node refuses writes, and the size of what is stored.

use std::io;
use std::path::Path;

/// The file system that holds the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiskSpace {
    /// Bytes that an unprivileged process may still write
    pub free: u64,
    pub total: u64,
}

impl DiskSpace {
    /// Of the file system that `path` lies on.
    pub fn of(path: &Path) -> io::Result<Self> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(Self {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }
}

/// Whether a node with `space` left refuses writes. Once it does, a bit more than the floor must be free, so that it
/// does not flap.
pub(crate) fn is_read_only(space: DiskSpace, floor: u64, was_read_only: bool) -> bool {
    let floor = if was_read_only {
        floor.saturating_add(floor / 20)
    } else {
        floor
    };
    space.free < floor
}

/// Bytes of the files below a directory; files that vanish meanwhile do not count.
pub(crate) fn directory_size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => directory_size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_does_not_flap() {
        let free = |free| DiskSpace { free, total: 1_000 };
        assert!(is_read_only(free(99), 100, false));
        assert!(!is_read_only(free(100), 100, false));
        assert!(is_read_only(free(104), 100, true));
        assert!(!is_read_only(free(105), 100, true));
        assert!(!is_read_only(free(0), 0, true));
    }

    #[test]
    fn sizes_are_those_of_the_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/b"), [0; 300]).unwrap();
        std::fs::write(dir.path().join("c"), [0; 50]).unwrap();
        assert_eq!(directory_size(dir.path()), 350);
        let space = DiskSpace::of(dir.path()).unwrap();
        assert!(space.total > 0 && space.free <= space.total);
    }
}
