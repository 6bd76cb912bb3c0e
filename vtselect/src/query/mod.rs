//! Runs query plans for the front APIs: one gate for all of them, a deadline, a memory budget, cancellation when the
//! client goes away, one mapping of what can go wrong, and answers from a cluster. It knows no query language and no
//! storage.

pub mod cluster;
mod partial;
mod runner;
mod status;

pub use partial::{AllowPartial, Reading, asked_for_partial};
pub use runner::{QueryRunner, Running, Turn, Wanted, Whole};
pub use status::{http_status, retry_after};
