//! Runs query plans for the front APIs: one gate for all of them, a deadline, a memory budget, cancellation when the
//! client goes away, and one mapping of what can go wrong. It knows no query language and no storage.

mod runner;
mod status;

pub use runner::{QueryRunner, Running};
pub use status::{http_status, retry_after};
