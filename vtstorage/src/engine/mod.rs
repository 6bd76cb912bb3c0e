//! The storage engine: WAL → head → columnar blocks in RocksDB, a partition per UTC day of span start.
//!
//! `batch` holds spans row by row (a request, or rows read back from a block), `codec` turns columns into pages of
//! bytes, `block` is the columnar format made of them, `store` keeps blocks, WAL, index and catalogue in RocksDB.

pub mod batch;
pub mod block;
pub mod codec;
pub mod error;
pub mod numbers;
pub mod rows;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
