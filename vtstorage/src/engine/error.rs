//! What can go wrong inside the engine.

use common::otlp::wire::WireError;

/// An error of the storage engine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// RocksDB failed: an I/O error, or no room.
    #[error("rocksdb: {0}")]
    Rocks(String),
    /// RocksDB has read bytes whose checksum does not match, or the disk does not give them.
    #[error("rocksdb: {0}")]
    Damaged(String),
    /// Stored bytes do not read as what they should be.
    #[error("corrupt {what}: {why}")]
    Corrupt { what: &'static str, why: String },
    /// A chunk that the header names is not there.
    #[error("missing chunk {chunk} of block {block}")]
    MissingChunk { block: u64, chunk: String },
    /// Written by a newer version of this program.
    #[error("{what} has format version {found}, this program reads up to {known}: start a newer version")]
    NewerFormat { what: &'static str, found: u32, known: u32 },
    /// The data directory cannot be used.
    #[error("data directory: {0}")]
    Directory(String),
    /// Flags that contradict each other.
    #[error("configuration: {0}")]
    Config(String),
    /// A test stopped the store here.
    #[error("failpoint {0}")]
    Failpoint(&'static str),
    /// The store is shutting down.
    #[error("shutting down")]
    Closed,
    /// An OTLP message that cannot be read.
    #[error("otlp: {0}")]
    Otlp(#[from] WireError),
    /// The query's own limits ended it (deadline, cancellation, memory).
    #[error(transparent)]
    Query(#[from] common::contract::QueryError),
}

impl StorageError {
    pub fn corrupt(what: &'static str, why: impl Into<String>) -> Self {
        Self::Corrupt { what, why: why.into() }
    }

    /// Whether stored bytes cannot be read now, or are not what they should be.
    pub fn is_damage(&self) -> bool {
        self.is_lasting_damage() || matches!(self, Self::Rocks(_))
    }

    /// Whether stored bytes are missing or are not what they should be, so that reading them again is of no use.
    pub fn is_lasting_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged(_) | Self::Corrupt { .. } | Self::MissingChunk { .. } | Self::Otlp(_)
        )
    }
}

impl From<rocksdb::Error> for StorageError {
    fn from(e: rocksdb::Error) -> Self {
        let text = e.to_string();
        // A disk that fails to give what it holds; other I/O errors pass, as of too many open files.
        let lost = e.kind() == rocksdb::ErrorKind::IOError
            && ["Input/output error", "No such file"]
                .iter()
                .any(|why| text.contains(why));
        match e.kind() == rocksdb::ErrorKind::Corruption || lost {
            true => Self::Damaged(text),
            false => Self::Rocks(text),
        }
    }
}

impl From<StorageError> for common::contract::QueryError {
    fn from(e: StorageError) -> Self {
        match e {
            StorageError::Query(e) => e,
            e => Self::Storage(e.to_string()),
        }
    }
}
