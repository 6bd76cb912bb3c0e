//! The data directory: who uses it, what format it has, which incarnation of the data it holds. It knows nothing of
//! RocksDB.
//!
//! ```text
//! <storageDataPath>/
//!   lock              held while a process has the directory open
//!   data/             RocksDB
//!     format          version of the layout
//!     incarnation     random id of this data: another one means that the disk was lost or replaced
//!     damage          what of it cannot be read, if anything: see `damage`
//! ```

use crate::engine::error::StorageError;
use common::cluster::Incarnation;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The version of the directory's layout that this program writes.
const FORMAT: u32 = 1;

const FORMAT_LABEL: &str = "vtstorage format ";

/// An open data directory, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Where RocksDB lies
    pub(crate) data: PathBuf,
    /// In the file as 32 hexadecimal digits
    pub(crate) incarnation: Incarnation,
    _lock: File,
}

impl Directory {
    /// The name of the file about damage, which may be missing
    pub(crate) const DAMAGE: &str = "damage";
    /// The files in `data/` that are not RocksDB's
    pub(crate) const MARKS: [&str; 2] = ["format", "incarnation"];

    /// Opens the directory, or makes an empty one.
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        let data = path.join("data");
        fs::create_dir_all(&data).map_err(|e| failed(&data, &e))?;
        let lock = lock(&path.join("lock"))?;
        check_format(&data.join("format"))?;
        let incarnation = incarnation(&data.join("incarnation"))?;
        Ok(Self {
            data,
            incarnation,
            _lock: lock,
        })
    }
}

fn failed(path: &Path, why: &dyn std::fmt::Display) -> StorageError {
    StorageError::Directory(format!("{}: {why}", path.display()))
}

fn lock(path: &Path) -> Result<File, StorageError> {
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = open.map_err(|e| failed(path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(failed(path, &"in use by another process")),
        Err(TryLockError::Error(e)) => Err(failed(path, &e)),
    }
}

fn check_format(path: &Path) -> Result<(), StorageError> {
    let Some(text) = read(path)? else {
        return write(path, &format!("{FORMAT_LABEL}{FORMAT}\n"));
    };
    let version = text
        .trim()
        .strip_prefix(FORMAT_LABEL.trim())
        .and_then(|v| v.trim().parse::<u32>().ok());
    match version {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => Err(StorageError::NewerFormat {
            what: "the data directory",
            found,
            known: FORMAT,
        }),
        _ => Err(failed(path, &format!("not a version of the format: {:?}", text.trim()))),
    }
}

fn incarnation(path: &Path) -> Result<Incarnation, StorageError> {
    if let Some(text) = read(path)? {
        let id = text.trim();
        let sound = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        let id = u128::from_str_radix(id, 16).ok().filter(|_| sound);
        return id
            .map(Incarnation)
            .ok_or_else(|| failed(path, &"not an incarnation id"));
    }
    let mut random = [0; 16];
    let source = Path::new("/dev/urandom");
    let filled = File::open(source).and_then(|mut file| file.read_exact(&mut random));
    filled.map_err(|e| failed(source, &e))?;
    let id = Incarnation(u128::from_be_bytes(random));
    write(path, &format!("{id}\n"))?;
    Ok(id)
}

pub(super) fn read(path: &Path) -> Result<Option<String>, StorageError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed(path, &e)),
    }
}

/// Writes a file so that it is there whole or not at all, also after a power cut.
pub(super) fn write(path: &Path, text: &str) -> Result<(), StorageError> {
    let new = path.with_extension("new");
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    });
    written.map_err(|e| failed(path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_its_incarnation() {
        let root = tempfile::tempdir().unwrap();
        let first = Directory::open(root.path()).unwrap();
        let id = first.incarnation;
        drop(first);
        assert_eq!(Directory::open(root.path()).unwrap().incarnation, id);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Directory::open(other.path()).unwrap().incarnation, id);
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let _first = Directory::open(root.path()).unwrap();
        let refused = Directory::open(root.path()).unwrap_err().to_string();
        assert!(refused.contains("in use"), "{refused}");
    }

    #[test]
    fn newer_and_unknown_formats_are_refused() {
        let root = tempfile::tempdir().unwrap();
        drop(Directory::open(root.path()).unwrap());
        let format = root.path().join("data/format");
        fs::write(&format, "vtstorage format 2\n").unwrap();
        let refused = Directory::open(root.path()).unwrap_err();
        assert!(
            matches!(
                refused,
                StorageError::NewerFormat {
                    found: 2,
                    known: FORMAT,
                    ..
                }
            ),
            "{refused}"
        );
        fs::write(&format, "something\n").unwrap();
        assert!(matches!(Directory::open(root.path()), Err(StorageError::Directory(_))));
    }
}
